import Configuration
import Datasets
import Files
import Foundation
import ModelFiles
import Models
import TextData

/// What a run with `stage: cls` labels.
enum LabelTask {
    /// The head's plan: the model's own where it has such a head, else from the labels of the rows.
    static func plan(
        _ configuration: RunConfiguration, _ source: ModelSource
    ) throws(TrainingError) -> TaskPlan {
        let kind = configuration.labels.task.kind
        let own = try ofModelFiles { () throws(ModelFileError) in try source.ownPlan(kind) }
        if let own, !configuration.model.trainFromScratch { return own }
        guard configuration.method.doTrain || !configuration.adapter.adapterNameOrPath.isEmpty
        else {
            throw .user(
                "model '\(configuration.model.modelNameOrPath ?? "")' has no head for task_type: "
                    + "\(kind.rawValue) (architectures in config.json); give one that was trained "
                    + "for it, or train it with do_train: true")
        }
        // An answer's first and last token need no names.
        if kind == .span {
            var plan = TaskPlan(.span)
            plan.padding = try padding(source)
            return plan
        }
        let names = try ofConversations { () throws(ConversationError) in
            try LabeledRows(settings(configuration, threads: 1)).labels()
        }
        var plan = TaskPlan(kind, names.problem, labels: names.names)
        plan.padding = try padding(source)
        return plan
    }

    /// What fills up rows of a decoder whose config.json does not say it: the end of text, as users of
    /// transformers set it.
    private static func padding(_ source: ModelSource) throws(TrainingError) -> Int32? {
        let text = try ofModelFiles { () throws(ModelFileError) in try source.configuration() }
        let file = try? JSONValueReader.read(text)
        let end = file?["eos_token_id"]
        let id = end?.integer ?? end?.array?.first?.integer
        return id.flatMap(Int32.init(exactly:))
    }

    static func settings(_ configuration: RunConfiguration, threads: Int) -> LabelSettings {
        var settings = LabelSettings(
            InstructionData.settings(configuration, threads: threads))
        settings.textColumns = configuration.labels.textColumns
        settings.labelColumn = configuration.labels.labelColumn
        settings.subject =
            switch configuration.labels.task {
            case .sequence: .texts
            case .tokens: .words
            case .answers: .questions
            }
        settings.regression = configuration.labels.regression
        return settings
    }
}

extension LabelSection.Task {
    var kind: TaskPlan.Kind {
        switch self {
        case .sequence: .sequence
        case .tokens: .tokens
        case .answers: .span
        }
    }
}

extension LabelNames {
    fileprivate var problem: TaskPlan.Problem {
        switch form {
        case .one, .each: .singleLabel
        case .several: .multiLabel
        case .number: .regression
        }
    }

    /// The labels of a model's head.
    init(_ plan: TaskPlan) {
        guard plan.kind == .sequence else {
            self.init(.each, plan.labels)
            return
        }
        switch plan.problem {
        case .singleLabel: self.init(.one, plan.labels)
        case .multiLabel: self.init(.several, plan.labels)
        case .regression: self.init(.number, plan.labels)
        }
    }
}
