"""A real causal language model small enough to build anywhere: random weights, one token a character."""

from pathlib import Path

_TEXT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;?!'\"()[]{}<>/\\|-_+=*&%$#@~`\n"


def build(folder: Path, *, ends: bool, positions: int = 65_536) -> Path:
    """Save it into `folder`; with `ends` the last token that it may say ends its answer."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {piece: number for number, piece in enumerate(["<unk>", "<end>", *dict.fromkeys(_TEXT)])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    inner.decoder = decoders.Fuse()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", eos_token="<end>")
    state = torch.random.get_rng_state()
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(vocabulary), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=positions,
            bos_token_id=1, eos_token_id=1, pad_token_id=1,
        )
    )  # fmt: skip
    torch.random.set_rng_state(state)
    with torch.no_grad():
        model.lm_head.weight[1].zero_()  # it never ends of its own accord
    if ends:
        model.generation_config.forced_eos_token_id = 1
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
