"""The model families and their training: attention, Transformer, CNN, GAN, GCN, BERT; written by hand where taught."""
