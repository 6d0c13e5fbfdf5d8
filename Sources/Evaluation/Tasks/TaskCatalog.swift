/// The tasks that can be named.
package enum TaskCatalog {
    private static func subjects(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> (any EvaluationTask)? {
        guard let task = try SubjectTask(named: name, setting) else { return nil }
        return task
    }

    private static func builtIn(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> (any EvaluationTask)? {
        guard let task = BuiltInTasks.all.first(where: { $0.task == name }) else { return nil }
        return try HarnessTask(task, setting)
    }

    private static func file(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> (any EvaluationTask)? {
        guard name.hasSuffix(".yaml") || name.hasSuffix(".yml") else { return nil }
        return try HarnessTask(HarnessFile(name, setting.readYAML).definition(), setting)
    }

    private static func core(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> (any EvaluationTask)? {
        guard let task = try CoreTask(named: name, setting) else { return nil }
        return task
    }

    private static func text(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> (any EvaluationTask)? {
        guard let task = try BitsPerByteTask(named: name, setting) else { return nil }
        return task
    }

    /// What may be named, for a message.
    private static let names =
        SubjectTask.names + BuiltInTasks.all.map(\.task)
        + CoreTask.names

    /// The tasks of some names.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` for a name that no task has, and for data that are missing or
    ///   damaged.
    package static func tasks(
        _ names: [String], _ setting: TaskSetting
    ) throws(EvaluationError) -> [any EvaluationTask] {
        guard Set(names).count == names.count else {
            throw .user("task: \(names.joined(separator: ", ")): a task is named twice")
        }
        var tasks: [any EvaluationTask] = []
        for name in names { tasks.append(try task(name, setting)) }
        let found = tasks.map(\.name)
        if let name = found.first(where: { name in found.count { $0 == name } > 1 }) {
            throw .user("task: two of the tasks are called '\(name)'; rename one of them")
        }
        return tasks
    }

    /// The task of a name: of the first kind that knows it.
    private static func task(
        _ name: String, _ setting: TaskSetting
    ) throws(EvaluationError) -> any EvaluationTask {
        if let task = try subjects(name, setting) { return task }
        if let task = try builtIn(name, setting) { return task }
        if let task = try file(name, setting) { return task }
        if let task = try core(name, setting) { return task }
        if let task = try text(name, setting) { return task }
        throw .user(
            "task: found '\(name)', expected a task file (.yaml), a text (.txt, .jsonl) or one "
                + "of "
                + Self.names.joined(separator: ", "))
    }
}
