package import Autograd
package import Configuration
import Files
import Finetuning
package import Kernels
package import Models

/// A model beside a run's own that learns nothing. What is frozen in both it reads where the run's model has
/// it, so that beside an adapter's run it takes the memory of an adapter.
package final class FrozenTwin {
    package let model: any LanguageModel
    package let computeType: ElementType
    package let workspace: Workspace
    /// Keeps the memory of what it does not share.
    private let store: ParameterStore

    /// The model that a run begins with, its adapters included: what a policy is compared with.
    ///
    /// - Parameter setup: of the run, whose model has its memory and its first numbers.
    package convenience init(
        referenceOf setup: ModelSetup, _ configuration: RunConfiguration,
        computeType: ElementType, in workspace: Workspace
    ) throws(ModelFileError) {
        let own = try ModelSetup(setup.source, configuration)
        try self.init(own.model, beside: setup, computeType, workspace)
        // What is shared gets the numbers that it has.
        try own.fill(in: workspace)
    }

    /// A reward model that is an adapter, with its head, on the base of a run.
    ///
    /// - Parameters:
    ///   - adapter: its folder.
    ///   - setup: of the run, whose model has its memory and its numbers.
    /// - Throws: ``ModelFileError/user(_:)`` where there is no adapter or no head, and where the run
    ///   trains a part of the base whole.
    package convenience init(
        judge adapter: String, beside setup: ModelSetup, _ configuration: RunConfiguration,
        computeType: ElementType, in workspace: Workspace
    ) throws(ModelFileError) {
        let folder = try Self.adapter(adapter)
        try setup.adapters.check(beside: folder)
        let (source, path) = (setup.source, folder.path)
        let purpose = try source.rewardPurpose(adapters: [path])
        let head = ValueHeadFile(in: path)
        guard head != nil || purpose.task?.isValueHead != true else {
            throw .user(
                "reward_model '\(adapter)' has no value head: found no "
                    + "\(ValueHeadFile.fileName) in it, expected the folder that stage: rm has left"
            )
        }
        let model = try source.model(for: configuration, setup.growth, purpose)
        let base = model.parameters
        let method: any FinetuningMethod
        do throws(FinetuningError) {
            method = try AdapterCatalog.method(of: folder, attachingTo: model)
        } catch {
            throw .finetuning(error)
        }
        try self.init(model, beside: setup, computeType, workspace)
        let heads = model.taskHead?.parameters ?? []
        let missing = base.first { own in
            own.lender == nil && own.quantized == nil && !heads.contains { $0 === own }
        }
        if let missing {
            throw .user(
                "reward_model_type: lora puts the reward model's adapter on the run's own base, but "
                    + "the run trains \(missing.name) whole; set reward_model_type: full and give "
                    + "the whole reward model")
        }
        do throws(FinetuningError) {
            try method.initialize(seed: 0, in: workspace)
            try method.read(from: path, in: workspace)
        } catch {
            throw .finetuning(error)
        }
        if let head, let own = model.taskHead, own.plan.isValueHead {
            try head.read(into: own, in: workspace)
        }
    }

    private init(
        _ model: any LanguageModel, beside setup: ModelSetup, _ computeType: ElementType,
        _ workspace: Workspace
    ) throws(ModelFileError) {
        // A run that learns nothing has adapters and heads that are frozen, too, but its own.
        let own = setup.method.adapterParameters + (setup.model.taskHead?.parameters ?? [])
        var frozen: [String: Parameter] = [:]
        for parameter in setup.model.parameters
        where !parameter.learns && !own.contains(where: { $0 === parameter }) {
            frozen[parameter.name] = parameter
        }
        for parameter in model.parameters {
            guard let lender = frozen[parameter.name], lender.shape == parameter.shape,
                lender.layout == parameter.layout
            else { continue }
            parameter.lender = lender
        }
        try ModelMemory.check(
            ModelMemory.bytes(of: model.parameters, computeType: computeType, training: false))
        self.model = model
        self.computeType = computeType
        self.workspace = workspace
        store = ParameterStore(
            model.parameters, computeType: computeType, training: false, in: workspace)
    }

    private static func adapter(_ path: String) throws(ModelFileError) -> AdapterFolder {
        let folder = AdapterFolder.folder(ofRun: path) ?? path
        guard RegularFile.contents(folder + "/" + AdapterFolder.configurationFile) != nil
        else {
            throw .user(
                "reward_model '\(path)': found no adapter, expected a folder with "
                    + "adapter_config.json that stage: rm has left; for a whole model set "
                    + "reward_model_type: full")
        }
        return try AdapterSetup.folder(path)
    }

    /// A pass without backward.
    package var pass: ForwardPass { ForwardPass(workspace: workspace, computeType: computeType) }
}
