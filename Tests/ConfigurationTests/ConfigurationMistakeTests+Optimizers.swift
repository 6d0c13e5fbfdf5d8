import Testing

@Suite struct OptimizerMistakeTests {
    @Test(arguments: Mistake.ofOptimizers)
    func whatAnOptimizerCannotDoIsNamed(_ mistake: Mistake) {
        #expect(mistake.answer() == mistake.message)
        #expect(!mistake.message.contains("\n"))
    }
}

extension Mistake {
    /// Optimizers of whole matrices, and what they are told.
    static let ofOptimizers: [Mistake] = [
        Mistake(
            ["use_muon": .bool(true), "use_apollo": .bool(true)],
            "run.yaml line 11: use_apollo, use_muon: a run has one optimizer; keep one of them"),
        Mistake(
            ["optim": .string("sgd"), "use_muon": .bool(true)],
            "run.yaml line 11: optim, use_muon: a run has one optimizer; leave one of them out"),
        Mistake(
            ["optim": .string("adafactor"), "use_galore": .bool(true)],
            "run.yaml line 11: optim, use_galore: a run has one optimizer; leave one of them out"),
        Mistake(
            [
                "use_galore": .bool(true), "finetuning_type": .string("lora"),
                "train_from_scratch": .bool(false),
            ],
            "run.yaml line 11: finetuning_type, use_galore: galore_adamw makes the state of large "
                + "matrices small, and adapters are small already; set finetuning_type: full, or "
                + "leave it out"),
        Mistake(
            [
                "optim": .string("apollo_adamw"), "optim_target_modules": .string("all-linear"),
                "finetuning_type": .string("lora"), "train_from_scratch": .bool(false),
            ],
            "run.yaml line 12: finetuning_type, optim: apollo_adamw makes the state of large "
                + "matrices small, and adapters are small already; set finetuning_type: full, or "
                + "leave it out"),
        Mistake(
            ["optim": .string("galore_adamw")],
            "optim_target_modules is missing: optim: galore_adamw needs it; give all-linear, or "
                + "parts of the names of linear layers, such as attn,mlp"),
        Mistake(
            ["optim_target_modules": .string("mlp")],
            "run.yaml line 10: optim_target_modules, optim: it belongs to optim: galore_adamw and "
                + "apollo_adamw; leave it out"),
        Mistake(
            ["optim_args": .string("rank=4")],
            "run.yaml line 10: optim_args, optim: adamw_torch takes no further arguments; leave it "
                + "out"),
        Mistake(
            ["use_muon": .bool(true), "optim_args": .string("rank=4")],
            "run.yaml line 11: optim_args: found the text 'rank=4', expected name=value with the "
                + "names adjust_lr_fn, lr, momentum"),
        Mistake(
            ["use_muon": .bool(true), "optim_args": .string("momentum")],
            "run.yaml line 11: optim_args: found the text 'momentum', expected name=value with the "
                + "names adjust_lr_fn, lr, momentum"),
        Mistake(
            ["use_muon": .bool(true), "optim_args": .string("momentum=1.5")],
            "run.yaml line 11: muon_momentum: found the text '1.5', expected a number of at least "
                + "0 and below 1"),
        Mistake(
            [
                "use_muon": .bool(true), "muon_momentum": .double(0.9),
                "optim_args": .string("momentum=0.8"),
            ],
            "run.yaml line 12: optim_args, muon_momentum: are two names of one setting but differ; "
                + "keep one"),
        Mistake(
            ["optim": .string("sgd"), "optim_args": .string("lr=0.1")],
            "run.yaml line 11: optim_args: found the text 'lr=0.1', expected name=value with the "
                + "names momentum"),
        Mistake(
            ["optim": .string("sgd"), "optim_args": .string("momentum=0.9,dampening=0.1")],
            "run.yaml line 11: optim_args: 'dampening' is not supported yet; momentum is never "
                + "dampened here; leave it out"),
        Mistake(
            ["optim": .string("sgd"), "optim_args": .string("momentum=0.9, nesterov=true")],
            "run.yaml line 11: optim_args: 'nesterov' is not supported yet; momentum is never "
                + "Nesterov's here; leave it out"),
        Mistake(
            ["optim": .string("sgd"), "optim_args": .string("weight_decay=0.1")],
            "run.yaml line 11: optim_args: 'weight_decay' is not supported yet; give the key "
                + "weight_decay, whose value transformers decays by too"),
        Mistake(
            ["sgd_momentum": .double(0.9)],
            "run.yaml line 10: sgd_momentum, optim: it belongs to optim: sgd; leave it out"),
        Mistake(
            ["muon_lr": .double(0.1)],
            "run.yaml line 10: muon_lr, optim: it belongs to optim: muon; leave it out"),
        Mistake(
            ["galore_proj_type": .string("full")],
            "run.yaml line 10: galore_proj_type: 'full' is not supported yet; use one of std, "
                + "reverse_std, right, left"),
        Mistake(
            ["apollo_rank": .int(0)],
            "run.yaml line 10: apollo_rank: found the number 0, expected a whole number of at "
                + "least 1"),
        Mistake(
            ["apollo_proj": .string("qr")],
            "run.yaml line 10: apollo_proj: found the text 'qr', expected one of random, svd"),
        Mistake(
            [
                "use_badam": .bool(true), "finetuning_type": .string("lora"),
                "train_from_scratch": .bool(false),
            ],
            "run.yaml line 11: finetuning_type, use_badam: badam makes the state of large "
                + "matrices small, and adapters are small already; set finetuning_type: full, or "
                + "leave it out"),
        Mistake(
            ["badam_mode": .string("ratio")],
            "run.yaml line 10: badam_mode: 'ratio' is not supported yet; use 'layer'"),
        Mistake(
            [
                "finetuning_type": .string("full"), "use_badam": .bool(true),
                "badam_switch_mode": .string("fixed"),
            ],
            "run.yaml line 12: badam_switch_mode, badam_start_block: a fixed block is the one that "
                + "badam_start_block names; give it, from 0"),
        Mistake(
            [
                "finetuning_type": .string("full"), "use_badam": .bool(true),
                "badam_switch_mode": .string("random"), "badam_start_block": .int(1),
            ],
            "run.yaml line 13: badam_switch_mode, badam_start_block: in a random order no block is "
                + "the first; leave badam_start_block out"),
        Mistake(
            [
                "finetuning_type": .string("full"), "use_badam": .bool(true),
                "badam_switch_interval": .int(0),
            ],
            "run.yaml line 12: badam_switch_interval: expected a number of steps, or -1 for never"),
        Mistake(
            ["optim": .string("lomo")],
            "run.yaml line 10: optim: 'lomo' is not supported yet; use one of adamw_torch, "
                + "lion_32bit, sgd, adafactor, muon, adam_mini, galore_adamw, apollo_adamw, badam"),
    ]
}
