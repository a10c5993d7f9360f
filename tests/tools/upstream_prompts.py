#!/usr/bin/env python3
"""CPU seconds that upstream's inference-perf takes for a prompt, by its own generators, on one thread.

Usage: upstream_prompts.py TOKENIZER_FOLDER PROMPTS TOKENS. Needs the Python that upstream is installed in. Prints a JSON
object: for each data type the CPU seconds of one prompt, set-up (its corpus is tokenised once) left out.
"""

import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from inference_perf.apis import LazyLoadInferenceAPIData  # noqa: E402
from inference_perf.config import APIConfig, CustomTokenizerConfig, DataConfig  # noqa: E402
from inference_perf.datagen.synthetic.random_datagen import RandomDataGenerator  # noqa: E402
from inference_perf.datagen.synthetic.synthetic_datagen import SyntheticDataGenerator  # noqa: E402
from inference_perf.utils.custom_tokenizer import CustomTokenizer  # noqa: E402

folder, prompts, tokens = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tokenizer = CustomTokenizer(CustomTokenizerConfig(pretrained_model_name_or_path=folder))
lengths = {"min": tokens, "max": tokens, "mean": tokens, "std_dev": 0, "total_count": prompts}
seconds = {}
for name, generator in (("synthetic", SyntheticDataGenerator), ("random", RandomDataGenerator)):
    data = DataConfig(type=name, input_distribution=lengths, output_distribution=lengths)
    source = generator(APIConfig(type="completion", streaming=True), data, tokenizer)
    begun = time.process_time()
    for index in range(prompts):
        source.load_lazy_data(LazyLoadInferenceAPIData(data_index=index))
    seconds[name] = (time.process_time() - begun) / prompts
print(json.dumps(seconds))
