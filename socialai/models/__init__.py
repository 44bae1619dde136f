"""Models, each idea by hand or from its library, and what trains them.

Architectures: attention, transformer, decoding, convolution, cnn, gan, text_gan, gcn, bert.
Encoders and tokenizers: encoders, e5 (the default one), tokenization.
Pre-training: pretraining, and count_model, its baseline.
Training: training, checkpoints, optimizers, initialisation, backpropagation, batching, device.
What it costs: sizes, profiling, machine. To compare with: baselines, generator_quality.
"""
