"""The applications of the article's section 2.8, one folder each, usable on anybody's own data.

pinyin, moderation, sentiment, topics, recommendation, advertising, network, behaviour, and text_classification for any
labels on any texts. Wrong data (a column that isn't there, nothing at all, a missing or negative value, an unknown id, an
empty graph) raise UserError in every function, in one line, whether its docstring says so or not.
"""
