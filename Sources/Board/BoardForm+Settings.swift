package import Files
package import Serving

extension BoardForm {
    /// The settings of a run.
    ///
    /// - Parameters:
    ///   - output: the run's folder as the settings name it.
    ///   - readYAML: reads what was filled in as further keys, which win.
    /// - Throws: 400 where a field that the task needs is empty, or further keys are no map.
    package func settings(
        for task: Task, output: String,
        readYAML: (String) throws(ServerProblem) -> JSONValue
    ) throws(ServerProblem) -> [JSONValue.Member] {
        var settings = Settings(form: self)
        try settings.addModel(task)
        switch task {
        case .train: settings.addTraining(stage: stage, output: output)
        case .evaluate:
            if triesTasks {
                settings.addTasks(output: output)
            } else {
                settings.addEvaluation(output: output)
            }
        case .export: settings.add(BoardFields.export[0].fields)
        }
        if task != .export { settings.addNumber("train.threads_per_rank", "threads_per_rank") }
        let extra = task == .train ? "train" : task == .evaluate ? "eval" : "export"
        try settings.addOthers("\(extra).extra_args", readYAML)
        return settings.members
    }

    /// The settings as they are gathered.
    private struct Settings {
        let form: BoardForm
        var members: [JSONValue.Member] = []

        mutating func set(_ key: String, _ value: JSONValue) {
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index].value = value
            } else {
                members.append((key, value))
            }
        }

        /// Fields that keys take as they are; those that are empty or off have no say.
        mutating func add(_ fields: [BoardField]) {
            for field in fields {
                guard let key = field.key else { continue }
                switch field.kind {
                case .toggle: if form.isOn(field.name) { set(key, .bool(true)) }
                case .number: addNumber(field.name, key)
                default: addText(field.name, key)
                }
            }
        }

        mutating func addText(_ field: String, _ key: String) {
            let text = form.text(field)
            if !text.isEmpty, text != "none" { set(key, .string(text)) }
        }

        mutating func addNumber(_ field: String, _ key: String, besides zero: Bool = false) {
            let text = form.text(field)
            guard !text.isEmpty, let value = Double(text), !(zero && value == 0) else { return }
            set(key, JSONValue.plain(value, as: text))
        }

        mutating func addModel(_ task: Task) throws(ServerProblem) {
            guard !form.text("top.model_path").isEmpty else {
                throw .invalid("choose a model folder", param: "top.model_path")
            }
            let type = form.text("top.finetuning_type")
            let checkpoint = form.text("top.checkpoint_path")
            add(BoardFields.top.fields)
            if !checkpoint.isEmpty {
                set(
                    type == "lora" ? "adapter_name_or_path" : "model_name_or_path",
                    .string(checkpoint))
            }
            addNumber("top.quantization_bit", "quantization_bit")
            if task == .export { members.removeAll { $0.key == "rope_scaling" } }
        }

        mutating func addTraining(stage: String, output: String) {
            set("stage", .string(stage))
            set("do_train", .bool(true))
            for group in BoardFields.train where form.applies(group.condition) { add(group.fields) }
            let type = form.text("train.compute_type")
            if type != "fp32" { set(type, .bool(true)) }
            addNumber("train.neftune_alpha", "neftune_noise_alpha", besides: true)
            if form.text("top.finetuning_type") == "lora" {
                addNumber("train.loraplus_lr_ratio", "loraplus_lr_ratio", besides: true)
            }
            if stage == "dpo" || stage == "kto" {
                addNumber("train.pref_beta", "pref_beta")
                addNumber("train.pref_ftx", "pref_ftx", besides: true)
            }
            if stage == "dpo" { addText("train.pref_loss", "pref_loss") }
            addOptimizers()
            addTrials()
            set("plot_loss", .bool(true))
            set("output_dir", .string(output))
        }

        private mutating func addOptimizers() {
            for group in [BoardFields.galore, BoardFields.apollo, BoardFields.badam] {
                guard form.isOn("train.use_" + group.name) else { continue }
                set("use_" + group.name, .bool(true))
                for field in group.fields.dropFirst() {
                    let key = String(field.name.dropFirst("train.".count))
                    if case .number = field.kind {
                        addNumber(field.name, key)
                    } else {
                        addText(field.name, key)
                    }
                }
            }
        }

        /// Held-out samples, as often as checkpoints unless told.
        private mutating func addTrials() {
            addNumber("train.val_size", "val_size", besides: true)
            let hasSamples =
                (form.number("train.val_size") ?? 0) > 0
                || !form.text("train.eval_dataset").isEmpty
            guard hasSamples else { return }
            set("eval_strategy", .string("steps"))
            addNumber("train.save_steps", "eval_steps")
            addNumber("train.eval_steps", "eval_steps")
            addNumber("train.batch_size", "per_device_eval_batch_size")
            if form.isOn("train.load_best_model_at_end") {
                set("load_best_model_at_end", .bool(true))
                set("save_strategy", .string("best"))
            }
            addNumber("train.early_stopping_steps", "early_stopping_steps")
        }

        mutating func addEvaluation(output: String) {
            set("stage", .string("sft"))
            set("do_train", .bool(false))
            addEvaluationFields()
            if form.isOn("eval.predict") {
                set("do_predict", .bool(true))
                set("predict_with_generate", .bool(true))
                addNumber("eval.max_new_tokens", "max_new_tokens")
                addNumber("eval.top_p", "top_p")
                addNumber("eval.temperature", "temperature")
            } else {
                set("do_eval", .bool(true))
            }
            set("output_dir", .string(output))
        }

        /// Tasks of `lockstep eval`, whose results lie beside the run's log.
        mutating func addTasks(output: String) {
            addEvaluationFields()
            set("save_dir", .string(output + "/results"))
        }

        private mutating func addEvaluationFields() {
            for group in BoardFields.evaluate where form.applies(group.condition) {
                add(group.fields)
            }
        }

        mutating func addOthers(
            _ field: String, _ readYAML: (String) throws(ServerProblem) -> JSONValue
        ) throws(ServerProblem) {
            let text = form.text(field)
            if text.isEmpty { return }
            let read: JSONValue
            do {
                read = try readYAML(text)
            } catch {
                throw .invalid("\(field): \(error.message)", param: field)
            }
            for (key, value) in read.members ?? []
            where key != "output_dir" && key != "save_dir" { set(key, value) }
        }
    }

    private func applies(_ condition: BoardGroup.Condition?) -> Bool {
        condition.map { $0.values.contains(text($0.field)) } ?? true
    }
}

extension JSONValue {
    /// A number as it was written where JSON can have it so.
    static func plain(_ value: Double, as text: String) -> JSONValue {
        if let whole = Int(text) { return .int(whole) }
        return .double(value)
    }
}

extension BoardForm {
    /// The settings of the model that the chat tab talks to.
    package var chatSettings: [JSONValue.Member] {
        get throws(ServerProblem) {
            var settings = Settings(form: self)
            try settings.addModel(.evaluate)
            return settings.members
        }
    }
}
