import Files

extension BoardFields {
    static let galore = BoardGroup(
        "galore", "GaLore", "GaLore 参数设置",
        [
            BoardField("train.use_galore", .toggle, .bool(false), "Use GaLore", "使用 GaLore"),
            BoardField("train.galore_rank", .number, .string("16"), "Rank", "GaLore 秩"),
            BoardField(
                "train.galore_update_interval", .number, .string("200"), "Update interval", "更新间隔"),
            BoardField("train.galore_scale", .number, .string("2.0"), "Scale", "GaLore 缩放系数"),
            BoardField("train.galore_target", .text, .string("all"), "Modules", "GaLore 作用模块"),
        ])

    static let apollo = BoardGroup(
        "apollo", "APOLLO", "APOLLO 参数设置",
        [
            BoardField("train.use_apollo", .toggle, .bool(false), "Use APOLLO", "使用 APOLLO"),
            BoardField("train.apollo_rank", .number, .string("16"), "Rank", "APOLLO 秩"),
            BoardField(
                "train.apollo_update_interval", .number, .string("200"), "Update interval", "更新间隔"),
            BoardField("train.apollo_scale", .number, .string("32.0"), "Scale", "APOLLO 缩放系数"),
            BoardField("train.apollo_target", .text, .string("all"), "Modules", "APOLLO 作用模块"),
        ])

    static let badam = BoardGroup(
        "badam", "BAdam", "BAdam 参数设置",
        [
            BoardField("train.use_badam", .toggle, .bool(false), "Use BAdam", "使用 BAdam"),
            BoardField(
                "train.badam_switch_mode", .choice(["ascending", "descending", "random", "fixed"]),
                .string("ascending"), "Switch mode", "切换策略"),
            BoardField(
                "train.badam_switch_interval", .number, .string("50"), "Switch interval", "切换频率"),
        ])

    /// Where and how runs are started, on the tabs that start any.
    package static let launch = BoardGroup(
        "launch", "Where it runs", "运行方式", folded: false,
        [
            BoardField(
                "train.launcher", .choice(["here", "slurm"]), .string("here"), "Start", "启动方式"),
            BoardField("train.device_count", .number, .string("1"), "Ranks", "进程数量"),
            BoardField(
                "train.threads_per_rank", .number, .string(""), "Threads of a rank", "每进程线程数"),
            BoardField("train.hostfile", .path, .string(""), "Hostfile of mpirun", "主机文件"),
        ])

    /// Of Slurm scripts.
    package static let slurm = BoardGroup(
        "slurm", "Slurm", "Slurm",
        when: .init(field: "train.launcher", values: ["slurm"]),
        [
            BoardField("slurm.nodes", .number, .string("1"), "Nodes", "节点数"),
            BoardField(
                "slurm.ntasks_per_node", .number, .string("1"), "Ranks of a node", "每节点进程数"),
            BoardField(
                "slurm.cpus_per_task", .number, .string(""), "Processors of a rank", "每进程处理器数"),
            BoardField("slurm.time", .text, .string(""), "Time limit", "时间限制"),
            BoardField("slurm.partition", .text, .string(""), "Partition", "分区"),
            BoardField("slurm.account", .text, .string(""), "Account", "账户"),
        ])

    /// What is evaluated on the tab of that name.
    static let evaluatedKinds = ["datasets", "tasks"]

    package static let evaluate = [evaluationKind, evaluatedDatasets, evaluatedTasks]

    private static let evaluationKind = BoardGroup(
        "eval", "Evaluate and predict", "评估与预测", folded: false,
        [
            BoardField(
                "eval.kind", .choice(evaluatedKinds), .string("datasets"),
                "Try the model on", "评估对象"),
            BoardField(
                "eval.max_samples", .number, .string("100000"), key: "max_samples",
                "Samples at most", "最大样本数"),
            BoardField("eval.seed", .number, .string(""), key: "seed", "Seed", "随机种子"),
            BoardField(
                "eval.extra_args", .prose, .string("{}"), "Any other keys (JSON or YAML)", "额外参数"),
        ])

    private static let evaluatedDatasets = BoardGroup(
        "eval_datasets", "Datasets", "数据集", folded: false,
        when: .init(field: "eval.kind", values: ["datasets"]),
        [
            BoardField(
                "eval.dataset_dir", .path, .string("data"), key: "dataset_dir", "Data folder",
                "数据路径"),
            BoardField(
                "eval.dataset", .text, .string(""), key: "eval_dataset", "Datasets", "数据集"),
            BoardField(
                "eval.cutoff_len", .number, .string("1024"), key: "cutoff_len", "Cutoff length",
                "截断长度"),
            BoardField(
                "eval.batch_size", .number, .string("2"), key: "per_device_eval_batch_size",
                "Batch size of a rank", "批处理大小"),
            BoardField("eval.predict", .toggle, .bool(true), "Write predictions", "保存预测结果"),
            BoardField(
                "eval.max_new_tokens", .number, .string("512"), "New tokens at most", "最大生成长度"),
            BoardField("eval.top_p", .number, .string("0.7"), "Top-p", "Top-p 采样值"),
            BoardField("eval.temperature", .number, .string("0.95"), "Temperature", "温度系数"),
        ])

    private static let evaluatedTasks = BoardGroup(
        "eval_tasks", "Tasks", "评测任务", folded: false,
        when: .init(field: "eval.kind", values: ["tasks"]),
        [
            BoardField(
                "eval.task", .text, .string(""), key: "task",
                "Tasks (mmlu_test, piqa, …)", "任务（mmlu_test、piqa 等）"),
            BoardField(
                "eval.task_dir", .path, .string("evaluation"), key: "task_dir",
                "Folder of the tasks' data", "任务数据路径"),
            BoardField(
                "eval.n_shot", .number, .string(""), key: "n_shot", "Solved examples in a prompt",
                "示例数量"),
            BoardField(
                "eval.lang", .choice(["en", "zh"]), .string("en"), key: "lang",
                "Language of prompts", "提示语言"),
            BoardField(
                "eval.task_batch_size", .number, .string("4"), key: "batch_size",
                "Texts that are continued together", "批处理大小"),
        ])

    package static let export = [
        BoardGroup(
            "export", "Export", "导出", folded: false,
            [
                BoardField(
                    "export.export_dir", .path, .string(""), key: "export_dir", "Export folder",
                    "导出目录"),
                BoardField(
                    "export.export_size", .number, .string("5"), key: "export_size",
                    "Largest file (GB)", "最大分块大小（GB）"),
                BoardField(
                    "export.extra_args", .prose, .string("{}"), "Any other keys (JSON or YAML)",
                    "额外参数"),
            ])
    ]

    /// Every field.
    package static let all: [BoardField] =
        ([top] + train + [launch, slurm] + evaluate + export).flatMap(\.fields)
}
