"""What pretraining objectives make of samples, by a second program.

    python scripts/references/objectives.py

Writes Tests/References/objectives/: `masks.json`, which tokens of some texts begin a word by the collator of transformers
(`_calc_word_ids_and_prob_mask`, whole_word_mask) with a BERT and a RoBERTa tokenizer, and what samples become in each unit of
`objective: mlm`; `texts.json`, samples of `fim` and `ul2`; `pairs.json`, pairs of texts of `mlm+nsp`;
`blanks.json`, samples of `glm`. All follow the papers' code with the random numbers of sample_draws.py.
"""

import json

import objective_blanks
import objective_masks
import objective_pairs
import objective_texts
from manifest import REFERENCES, write_manifest

SEED = 20261129
OUT = REFERENCES / "objectives"


def write(name, value):
    """One line of JSON."""
    (OUT / name).write_text(json.dumps({"seed": SEED, **value}) + "\n")


def main():
    """Writes the folder."""
    OUT.mkdir(parents=True, exist_ok=True)
    write("masks.json", {"words": objective_masks.words(), "masks": objective_masks.masks(), "phrases": objective_masks.PHRASES})
    write("texts.json", {"fim": objective_texts.fim(), "ul2": objective_texts.ul2()})
    write("pairs.json", {"pairs": objective_pairs.pairs()})
    write("blanks.json", {"blanks": objective_blanks.blanks()})
    write_manifest(OUT, __file__, ["transformers", "tokenizers", "numpy"], SEED)


if __name__ == "__main__":
    main()
