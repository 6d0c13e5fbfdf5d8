"""Templates later than LLaMA-Factory's wheel, as the models' makers publish them for it."""

# Slots of the user's, the assistant's and the system's part, and stop words; begin of text in front, one
# end of text at the end.
PUBLISHED = {
    "hy_dense_1_8b": (
        ["<｜hy_User｜>{{content}}"], ["<｜hy_Assistant｜>{{content}}", {"eos_token"}],
        ["{{content}}<｜hy_place▁holder▁no▁3｜>"], ["<｜hy_place▁holder▁no▁2｜>"],
    ),
    "hy_dense_7b": (
        ["{{content}}<|extra_0|>"], ["{{content}}", {"eos_token"}], ["{{content}}<|extra_4|>"],
        ["<|eos|>"],
    ),
}


def register_published(factory):
    """Registers what is later than the wheel, by the wheel's own code."""
    module = factory.template
    for name, (user, assistant, system, stop_words) in PUBLISHED.items():
        module.register_template(
            name=name,
            format_user=module.StringFormatter(slots=user),
            format_assistant=module.StringFormatter(slots=assistant),
            format_system=module.StringFormatter(slots=system),
            format_prefix=module.EmptyFormatter(slots=[{"bos_token"}]),
            stop_words=stop_words,
            efficient_eos=True,
        )
