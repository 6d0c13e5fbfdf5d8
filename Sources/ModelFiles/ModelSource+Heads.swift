import Autograd
import Checkpoints
import Files
package import Models
import WeightFiles

extension ModelSource {
    /// The head that config.json says the model has.
    package func ownPurpose() throws(ModelFileError) -> ModelPurpose {
        for kind in TaskPlan.Kind.allCases {
            if let plan = try ownPlan(kind) { return .task(plan) }
        }
        let text = try configuration()
        let classes = (try? JSONValueReader.read(text))?["architectures"]?.array ?? []
        if classes.contains(.string("BertForPreTraining")) { return .followingTexts }
        let body = TaskPlan.className(ofBody: text)
        return body.map { classes.contains(.string($0)) } == true ? .states : .language
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
        let missing = head.parameters.filter { parameter in
            !model.namesInFiles(of: parameter).contains(where: isThere)
        }
        guard let first = missing.first else { return [] }
        // BERT's pooler and head of pairs may be new beside a language head.
        guard model.taskHead != nil else { return missing }
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
        return drawn.map(\.name).joined(separator: ", ")
            + ": not in the model's files, so they begin with drawn numbers and are learned"
    }
}
