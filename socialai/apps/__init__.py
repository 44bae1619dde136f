"""The applications of the article's section 2.8, one folder each, usable on anybody's own data.

    pinyin                  from pinyin to characters, as an input method does
    moderation              which posts to show, to review, to reject
    sentiment               opinions, emotions, stars
    topics                  what texts are about, and when
    recommendation          who might like what
    advertising             responses, bandits, auctions
    network                 communities, key nodes, influence
    behaviour               purchases, retention, the next item
    text_classification     any labels on any texts, from a CSV
    platform_flow           the article's platform as a graph

Wrong data (a column that isn't there, nothing at all, a missing or negative value, an unknown id,
an empty graph) raise UserError in every function, in one line, whether its docstring says so or
not.
"""
