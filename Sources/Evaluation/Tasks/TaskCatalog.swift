import Files
import Foundation

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

    /// Tasks, and the groups that some of them are in.
    package struct Selection {
        package fileprivate(set) var tasks: [any EvaluationTask] = []
        /// Groups behind those that they hold.
        package fileprivate(set) var groups: [HarnessGroup] = []
        /// What has been read, by what it was named, with what it is called.
        fileprivate var names: [String: String] = [:]
    }

    /// The tasks of some names, each once, and the groups among them.
    ///
    /// - Throws: ``EvaluationError/user(_:)`` for a name that no task has, and for data that are missing or
    ///   damaged.
    package static func selection(
        _ names: [String], _ setting: TaskSetting
    ) throws(EvaluationError) -> Selection {
        guard Set(names).count == names.count else {
            throw .user("task: \(names.joined(separator: ", ")): a task is named twice")
        }
        var selection = Selection()
        for name in names { _ = try add(name, setting, to: &selection, depth: 0) }
        let found = selection.tasks.map(\.name) + selection.groups.map(\.name)
        if let name = found.first(where: { name in found.count { $0 == name } > 1 }) {
            throw .user("task: two of the tasks are called '\(name)'; rename one of them")
        }
        return selection
    }

    /// Adds a task, or a group with all that it holds.
    ///
    /// - Returns: its name, and those of the tasks in it.
    private static func add(
        _ name: String, _ setting: TaskSetting, to selection: inout Selection, depth: Int,
        changes: JSONValue = .object([]), in group: String = ""
    ) throws(EvaluationError) -> (name: String, leaves: [String]) {
        guard changes.members?.isEmpty ?? true else {
            let task = try HarnessTask(
                changed(name, changes, setting, in: group), setting)
            selection.tasks.append(task)
            return (task.name, [task.name])
        }
        if let known = selection.names[name] {
            let group = selection.groups.first { $0.name == known }
            return (known, group?.leaves ?? [known])
        }
        guard name.hasSuffix(".yaml") || name.hasSuffix(".yml"),
            case let values = try setting.readYAML(name), values["group"] != nil
        else {
            let task = try task(name, setting)
            selection.tasks.append(task)
            selection.names[name] = task.name
            return (task.name, [task.name])
        }
        guard depth < 8 else { throw .user("\(name): groups hold each other") }
        let folder = (name as NSString).deletingLastPathComponent
        var children: [String] = []
        var leaves: [String] = []
        for member in try HarnessGroup.members(values, name) {
            let child = try add(
                place(of: member.name, beside: folder), setting, to: &selection, depth: depth + 1,
                changes: member.changes, in: name)
            children.append(child.name)
            for leaf in child.leaves where !leaves.contains(leaf) { leaves.append(leaf) }
        }
        let group = try HarnessGroup(values, name, children: children, leaves: leaves)
        selection.groups.append(group)
        selection.names[name] = group.name
        return (group.name, leaves)
    }

    /// A task of a group with settings of its own: over those of its file, or all that there are.
    ///
    /// Source: lm-evaluation-harness 0.4.13, tasks/_factory.py (`_build_group_members`).
    private static func changed(
        _ name: String, _ changes: JSONValue, _ setting: TaskSetting, in group: String
    ) throws(EvaluationError) -> HarnessDefinition {
        if name.hasSuffix(".yaml") || name.hasSuffix(".yml") {
            guard try setting.readYAML(name)["group"] == nil else {
                throw .user(
                    "\(group): task: \(name) is a group; its tasks take settings in its own file")
            }
            return try HarnessFile(name, setting.readYAML, changes: changes).definition()
        }
        if var task = BuiltInTasks.all.first(where: { $0.task == name }) {
            for (key, value) in changes.members ?? [] {
                guard key == "num_fewshot", let shots = value.integer, shots >= 0 else {
                    throw .user(
                        "\(group): task \(name): \(key): found \(value.text()), expected "
                            + "num_fewshot alone of a task that is built in; write a task file")
                }
                task.shots = shots
            }
            return task
        }
        let called = try setting.readYAML(group)["group"]?.string ?? ""
        return try HarnessFile(
            group, changes.setting("task", to: .string("\(called)::\(name)"))
        ).definition()
    }

    /// A member of a group as a task is named: a file beside the group's, or a task that is built in.
    private static func place(of member: String, beside folder: String) -> String {
        let isFile = member.hasSuffix(".yaml") || member.hasSuffix(".yml")
        let beside = (folder as NSString).appendingPathComponent(
            isFile ? member : member + ".yaml")
        if isFile { return member.hasPrefix("/") ? member : beside }
        return FileManager.default.fileExists(atPath: beside) ? beside : member
    }

    /// What to say of settings that some of the tasks have no use for.
    package static func notes(_ tasks: [any EvaluationTask], _ setting: TaskSetting) -> [String] {
        guard setting.chat != nil || !setting.systemInstruction.isEmpty else { return [] }
        let others = tasks.filter { !($0 is HarnessTask) }.map(\.name)
        guard !others.isEmpty else { return [] }
        return [
            "apply_chat_template, system_instruction: are for tasks of lm-evaluation-harness; "
                + "\(others.joined(separator: ", ")) is written as before"
        ]
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
