import Autograd
import Checkpoints
import Files
package import Models
import WeightFiles

extension ModelSource {
    /// The head that config.json says the model has, or that stands beside it or beside its adapters, or in
    /// the last of them.
    package func ownPurpose(adapters: [String] = []) throws(ModelFileError) -> ModelPurpose {
        for kind in TaskPlan.Kind.allCases {
            if let plan = try ownPlan(kind) { return .task(plan) }
        }
        if let folder = adapters.last, let plan = try AdapterLabels.plan(of: folder) {
            return .task(plan)
        }
        if try hasValueHead(adapters: adapters) { return .task(.valueHead) }
        let text = try configuration()
        let classes = (try? JSONValueReader.read(text))?["architectures"]?.array ?? []
        if classes.contains(.string("BertForPreTraining")) { return .followingTexts }
        if classes.contains(.string("ElectraForPreTraining")) { return .replacedTokens(nil) }
        let body = TaskPlan.className(ofBody: text)
        return body.map { classes.contains(.string($0)) } == true ? .states : .language
    }

    /// Whether a value head belongs to the model.
    private func hasValueHead(adapters: [String]) throws(ModelFileError) -> Bool {
        if ValueHeadFile(beside: self, adapters: adapters) != nil { return true }
        guard case .checkpoint(let path) = self else { return false }
        return try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
            try CheckpointReader(path: path).arrays(in: .model)
                .contains { $0.name == ValueHeadFile.weightName }
        }
    }

    /// What a reward model of this source has: a value head, or where config.json or an adapter says so a
    /// score in place of the language head.
    package func rewardPurpose(adapters: [String]) throws(ModelFileError) -> ModelPurpose {
        if let plan = try ownPlan(.sequence), plan.outputs == 1 { return .task(plan) }
        var scores = false
        for folder in adapters {
            let file = RegularFile.contents(folder + "/adapter_config.json")
            let object = file.flatMap { try? JSONValueReader.read([UInt8]($0)[...]) }
            guard object?["task_type"]?.string == TaskPlan.Kind.sequence.rawValue else { continue }
            // Several labels are no score.
            let plan = try AdapterLabels.plan(of: folder)
            scores = scores || plan?.outputs ?? 1 == 1
        }
        return .task(scores ? .score : .valueHead)
    }

    /// The head of a kind of task that config.json says the model has; `nil` where it has another one.
    package func ownPlan(_ kind: TaskPlan.Kind) throws(ModelFileError) -> TaskPlan? {
        let text = try configuration()
        do {
            return try TaskPlan(kind, configuration: text)
        } catch {
            throw .model(error)
        }
    }

    /// A model's parameters that its files hold: a head may stand beside them, or in an adapter.
    func held(of model: any LanguageModel) throws(ModelFileError) -> [Parameter] {
        let apart = try missingOfHead(model)
        return model.parameters.filter { own in !apart.contains { $0 === own } }
    }

    /// The parameters of a model's task head that its files do not hold.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` where config.json says that they do.
    func missingOfHead(_ model: any LanguageModel) throws(ModelFileError) -> [Parameter] {
        guard let head = model.taskHead ?? model.pairHead else { return [] }
        let isThere: (String) -> Bool
        switch self {
        case .gguf: isThere = { _ in false }
        case .folder(let path):
            do throws(WeightFileError) {
                let folder = try HuggingFaceFolder(path: path)
                isThere = folder.contains
            } catch {
                throw .weightFile(error)
            }
        case .checkpoint(let path):
            let names = try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
                Set(try CheckpointReader(path: path).arrays(in: .model).map(\.name))
            }
            isThere = names.contains
        }
        let isApart = model.taskHead?.replacesLanguageHead == false
        let missing = head.parameters.filter { parameter in
            // A folder has it in a file of its own.
            if isApart, case .folder = self { return true }
            return !model.namesInFiles(of: parameter).contains(where: isThere)
        }
        guard let first = missing.first else { return [] }
        // BERT's pooler and head of pairs may be new beside a language head.
        guard model.taskHead != nil, !isApart else { return missing }
        guard try ownPlan(head.plan.kind) == nil else {
            throw .user(
                "config.json says that the model is one \(head.plan.kind.classSuffix), but its "
                    + "weights hold no \(first.name); give the folder that the head was saved to")
        }
        return missing
    }
}

extension ModelSetup {
    /// A line for the user about a head that begins anew.
    package var drawnNote: String? {
        guard !drawn.isEmpty else { return nil }
        if let valueHead { return "the value head is that of \(valueHead.path)" }
        return drawn.map(\.name).joined(separator: ", ")
            + ": not in the model's files, so they begin with drawn numbers and are learned"
    }
}
