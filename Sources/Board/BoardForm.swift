package import Files
package import Serving

/// What a user has filled in, and the settings that follow from it.
package struct BoardForm: Sendable {
    /// What a run is to do.
    package enum Task: String, Sendable {
        case train, evaluate, export
    }

    private var values: [String: JSONValue]

    /// Checks the names and kinds of what was filled in; a field that is not there has its standard value.
    ///
    /// - Throws: 400 naming the first field that is not known or has a value that it cannot have.
    package init(_ written: JSONValue) throws(ServerProblem) {
        guard let members = written.members else {
            throw .invalid("the form is \(written.kind); expected an object of fields")
        }
        let fields = Dictionary(
            BoardFields.all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        var values: [String: JSONValue] = [:]
        for (name, value) in members {
            guard let field = fields[name] else {
                let near = NearestName.find(name, among: Array(fields.keys))
                throw .invalid(
                    "\(name) is no field of this board"
                        + (near.map { "; did you mean \($0)?" } ?? ""),
                    param: name)
            }
            values[name] = try Self.checked(value, field)
        }
        self.values = values
    }

    /// What a form of LLaMA Board, or an older one of this board, has that this board lacks.
    ///
    /// - Returns: the form without them, and the names of those that are set to something.
    package static func reading(
        _ written: JSONValue
    ) throws(ServerProblem) -> (form: BoardForm, unknown: [String]) {
        let known = Set(BoardFields.all.map(\.name))
        let members = written.members ?? []
        let unknown = members.filter { !known.contains($0.key) && !isOff($0.value) }.map(\.key)
        let form = try BoardForm(.object(members.filter { known.contains($0.key) }))
        return (form, unknown.sorted())
    }

    private static func isOff(_ value: JSONValue) -> Bool {
        value.isFalse || ["none", "auto", "{}", "default"].contains(value.string ?? "")
    }

    private static func checked(
        _ value: JSONValue, _ field: BoardField
    ) throws(ServerProblem) -> JSONValue {
        func refuse(_ expected: String) -> ServerProblem {
            .invalid("\(field.name): found \(value.kind), expected \(expected)", param: field.name)
        }
        // LLaMA Board writes lists of names, numbers as such, and nothing where nothing was chosen.
        let text: String? =
            switch value {
            case .string(let text): text
            case .number(let text): text
            case .array(let items): items.compactMap(\.string).joined(separator: ",")
            case .null: ""
            default: nil
            }
        switch field.kind {
        case .toggle:
            guard let truth = value.bool ?? (value == .null ? false : nil) else {
                throw refuse("true or false")
            }
            return .bool(truth)
        case .number:
            guard let text, text.isEmpty || Double(text)?.isFinite == true else {
                throw refuse("a number")
            }
            return .string(text)
        case .choice(let words):
            guard let text, words.contains(text) else {
                throw refuse("one of " + words.joined(separator: ", "))
            }
            return .string(text)
        case .text, .prose, .path:
            guard let text, !text.utf8.contains(0) else { throw refuse("a text") }
            return .string(text)
        }
    }

    subscript(_ name: String) -> JSONValue {
        values[name] ?? BoardFields.all.first { $0.name == name }?.standard ?? .null
    }

    /// A field's text; empty where nothing was filled in.
    package func text(_ name: String) -> String {
        (self[name].string ?? "").trimmingWhitespace
    }

    package func isOn(_ name: String) -> Bool { self[name].bool ?? false }

    /// A number; `nil` where nothing was filled in.
    func number(_ name: String) -> Double? { Double(text(name)) }

    /// Every field with its value, as llamaboard_config.yaml keeps them.
    package var members: [JSONValue.Member] {
        BoardFields.all.map { ($0.name, self[$0.name]) }
    }

    /// Whether the model is tried on tasks, not on datasets.
    var triesTasks: Bool { text("eval.kind") == "tasks" }

    /// The command that does a task.
    package func command(for task: Task) -> String {
        switch task {
        case .train: "train"
        case .evaluate: triesTasks ? "eval" : "train"
        case .export: "export"
        }
    }

    /// The word of `stage`.
    package var stage: String {
        BoardFields.stages.first { $0.name == text("train.training_stage") }?.word ?? "sft"
    }
}

extension String {
    /// Without white space at both ends.
    var trimmingWhitespace: String {
        let front = drop { $0.isWhitespace }
        return String(front.reversed().drop { $0.isWhitespace }.reversed())
    }
}
