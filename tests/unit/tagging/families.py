"""Encoders of each family with random weights, as the hub has them: on real vocabularies where these are at hand, else on made ones."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sentencepiece
import torch
from tokenizers import ByteLevelBPETokenizer, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers.implementations import BertWordPieceTokenizer
from transformers import (
    AlbertConfig,
    AlbertForMaskedLM,
    BertConfig,
    BertForMaskedLM,
    DebertaV2Config,
    DebertaV2ForMaskedLM,
    ElectraConfig,
    ElectraForPreTraining,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from bioner.storage import write_json

VOCABULARIES = Path(__file__).resolve().parents[4] / "shared" / "vocab"
SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "max_position_embeddings": 128}
WORDS = """The the drug aspirin caused severe pain in patients with TNF-alpha 12 mg/day (p < 0.05) naive hepatitis receptor""".split()  # noqa: SIM905


def sentences() -> Iterator[str]:
    """Invented sentences to train vocabularies on, the same each time; the characters are all of printable ASCII."""
    rng = random.Random(1)
    for _ in range(400):
        yield " ".join(rng.choice(WORDS) + rng.choice(("", "s", "ine", "itis", "5")) for _ in range(12)) + "."
    yield " ".join(map(chr, range(33, 127)))


def vocabulary(folder: Path, name: str, *, lower: bool) -> int:
    """Lay a `vocab.txt` and its settings into a folder: the real one of that name, or else a made one. Gives its size."""
    real = VOCABULARIES / name / "vocab.txt"
    if real.is_file():
        shutil.copyfile(real, folder / "vocab.txt")
    else:
        made = BertWordPieceTokenizer(lowercase=lower)
        made.train_from_iterator(sentences(), vocab_size=300, show_progress=False)
        made.save_model(str(folder))
    write_json(folder / "tokenizer_config.json", {"do_lower_case": lower})
    return len((folder / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n"))


def sentence_pieces(path: Path, **options: Any) -> int:
    """Train a unigram model into a file; gives its size."""
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=sentences(),
        model_prefix=str(path.with_suffix("")),
        vocab_size=200,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    path.with_suffix(".vocab").unlink()
    return int(sentencepiece.SentencePieceProcessor(model_file=str(path)).get_piece_size())


def bert_cased(folder: Path) -> None:
    size = vocabulary(folder, "biobert-cased", lower=False)
    BertForMaskedLM(BertConfig(vocab_size=size, **SHAPE)).save_pretrained(folder)


def bert_uncased(folder: Path) -> None:
    size = vocabulary(folder, "biomedbert-abstract", lower=True)
    BertForMaskedLM(BertConfig(vocab_size=size, **SHAPE)).save_pretrained(folder)


def scibert(folder: Path) -> None:
    """Special tokens elsewhere than BERT's: [PAD] 0, [UNK] 101, [CLS] 102, [SEP] 103."""
    size = vocabulary(folder, "scibert-uncased", lower=True)
    BertForMaskedLM(BertConfig(vocab_size=size, **SHAPE)).save_pretrained(folder)


def electra(folder: Path) -> None:
    """Embeddings narrower than hidden states, and a projection between."""
    size = vocabulary(folder, "bert-base-uncased", lower=True)
    ElectraForPreTraining(ElectraConfig(vocab_size=size, embedding_size=16, **SHAPE)).save_pretrained(folder)


def albert(folder: Path) -> None:
    real = VOCABULARIES / "albert-bioalbert" / "spiece.model"
    if real.is_file():
        shutil.copyfile(real, folder / "spiece.model")
        size = 30_000
    else:
        pieces = {"pad_piece": "<pad>", "unk_piece": "<unk>", "user_defined_symbols": "[CLS],[SEP],[MASK]"}
        size = sentence_pieces(folder / "spiece.model", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, **pieces)
    AlbertForMaskedLM(AlbertConfig(vocab_size=size, embedding_size=16, **SHAPE)).save_pretrained(folder)


def roberta(folder: Path) -> None:
    """Byte BPE; positions begin after the padding's."""
    made = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(sentences(), vocab_size=400, special_tokens=special, show_progress=False)
    made.save_model(str(folder))
    write_json(folder / "tokenizer_config.json", {"tokenizer_class": "RobertaTokenizer"})
    shape = SHAPE | {"max_position_embeddings": 130}
    RobertaForMaskedLM(RobertaConfig(vocab_size=made.get_vocab_size(), **shape)).save_pretrained(folder)


def deberta(folder: Path) -> None:
    """Version 3 of the base size in small: relative positions in buckets alone, more rows of embeddings than pieces."""
    pieces = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
    size = sentence_pieces(folder / "spm.model", pad_id=0, bos_id=1, eos_id=2, unk_id=3, **pieces)
    write_json(folder / "tokenizer_config.json", {"do_lower_case": False, "vocab_type": "spm"})
    positions: dict[str, Any] = {
        "relative_attention": True,
        "position_buckets": 32,
        "position_biased_input": False,
        "norm_rel_ebd": "layer_norm",
    }
    positions |= {"share_att_key": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0}
    DebertaV2ForMaskedLM(DebertaV2Config(vocab_size=size + 8, **SHAPE, **positions)).save_pretrained(folder)


def modernbert(folder: Path) -> None:
    """BPE, attention to neighbours in all layers but each third, no position embeddings."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(sentences(), trainer)
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    names = {"unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=made, **names).save_pretrained(folder)
    ids = {"pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2}
    shape = SHAPE | {"num_hidden_layers": 3}
    ModernBertForMaskedLM(ModernBertConfig(vocab_size=made.get_vocab_size(), local_attention=16, **shape, **ids)).save_pretrained(folder)


FAMILIES: dict[str, Callable[[Path], None]] = {
    function.__name__: function for function in (bert_cased, bert_uncased, scibert, electra, albert, roberta, deberta, modernbert)
}
TOKENS = {"roberta": "vocab.json", "deberta": "spm.model", "albert": "spiece.model", "modernbert": "tokenizer.json"}
"""The file that holds a family's vocabulary, where it is not vocab.txt."""


def save_family(name: str, folder: Path) -> Path:
    """An encoder of a family in a folder; the same weights each time."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    FAMILIES[name](folder)
    return folder
