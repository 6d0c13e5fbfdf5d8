/// Which tasks `lockstep eval` tries a model on, and how. LLaMA-Factory's keys of its `eval` command.
package struct TaskSection: Sendable {
    /// The language of multiple-choice prompts.
    package enum Language: String, Sendable { case en, zh }

    /// Names of tasks, or task files.
    package let tasks: [String]
    /// Those that a training run tries with each evaluation (`eval_tasks`).
    package let duringTraining: [String]
    /// Where the tasks' data are.
    package let folder: String
    package let language: Language
    /// Solved examples in a prompt; as the task says unless given.
    package let shots: Int?
    /// A new folder for the results; `nil` writes none.
    package let saveDir: String?
    /// Texts that are continued together.
    package let batchSize: Int
    /// What shots are drawn by; as the task's own program unless given.
    package let shotSeed: Int?
    /// Whether prompts of lm-evaluation-harness's tasks are conversations by the model's own template.
    package let appliesChatTemplate: Bool
    /// Whether solved examples are turns of such a conversation.
    package let shotsAreTurns: Bool
    /// What stands before the tasks' descriptions; empty for nothing.
    package let systemInstruction: String

    static let keys = ConfigurationKey.joined(
        [
            .list("task", nil, [.eval]),
            .text("task_dir", "evaluation", [.eval, .train], isLocal: true),
            .choice("lang", "en", ["en", "zh"], [.eval, .train]),
            .list("eval_tasks", nil, [.train]),
            .integer("n_shot", nil, .from(0).within(1e6), [.eval]),
            .text("save_dir", nil, [.eval], isLocal: true),
            .integer("batch_size", 4, .from(1).within(1e6), [.eval]),
            .boolean("apply_chat_template", false, [.eval]),
            .boolean("fewshot_as_multiturn", nil, [.eval]),
            .text("system_instruction", nil, [.eval]),
        ],
        .noEffect("tasks are read from task_dir", ["download_mode"], [.eval]))

    init(_ settings: ConfigurationSettings) {
        tasks = settings.list("task")
        duringTraining = settings.list("eval_tasks")
        folder = settings.text("task_dir")
        language = settings.choice("lang")
        shots = settings.optionalInteger("n_shot")
        saveDir = settings.optionalText("save_dir")
        batchSize = settings.integer("batch_size")
        appliesChatTemplate = settings.boolean("apply_chat_template")
        shotsAreTurns =
            settings.isGiven("fewshot_as_multiturn")
            ? settings.boolean("fewshot_as_multiturn") : appliesChatTemplate
        systemInstruction = settings.optionalText("system_instruction") ?? ""
        shotSeed = settings.isGiven("seed") ? settings.integer("seed") : nil
    }
}

extension TaskSection: ConfigurationSection {
    static func validate(with settings: ConfigurationSettings) throws(ConfigurationError) {
        if settings.command == .eval, settings.isGiven("fewshot_as_multiturn"),
            settings.boolean("fewshot_as_multiturn"), !settings.boolean("apply_chat_template")
        {
            throw settings.contradiction(
                ["fewshot_as_multiturn", "apply_chat_template"],
                "solved examples are turns of a conversation alone; set apply_chat_template: true, or "
                    + "leave it out")
        }
        if settings.command == .eval, settings.boolean("apply_chat_template"),
            settings.isGiven("template")
        {
            throw settings.contradiction(
                ["apply_chat_template", "template"],
                "apply_chat_template writes with the model's own template, and template names one for "
                    + "mmlu, ceval and cmmlu; leave one of them out")
        }
        guard settings.isGiven("eval_tasks") else { return }
        let evaluates =
            settings.evalStrategy != .no || settings.boolean("do_eval")
            || settings.boolean("eval_on_start")
        guard evaluates else {
            throw settings.contradiction(
                ["eval_tasks"],
                "tasks are tried with each evaluation, but there is none; set eval_strategy and "
                    + "val_size or eval_dataset")
        }
    }

    static func note(_ settings: inout ConfigurationSettings) {
        guard settings.command == .train, !settings.isGiven("eval_tasks") else { return }
        settings.noteUnused(["task_dir", "lang"], since: "eval_tasks names no tasks")
    }
}
