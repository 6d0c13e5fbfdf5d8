import Autograd
import Configuration
import Finetuning
import Models
import Optimizers

extension RunConfiguration {
    /// The rule of `optim`, made for a model.
    ///
    /// - Throws: ``TrainingError/user(_:)`` where it is to project layers that are not there.
    func optimizerRule(for model: any LanguageModel) throws(TrainingError) -> any OptimizerRule {
        let adam = AdamW(
            beta1: train.adamBeta1, beta2: train.adamBeta2, epsilon: train.adamEpsilon,
            weightDecay: train.weightDecay, correctsBias: train.correctsBias)
        switch train.optimizer {
        case .adamw: return adam
        case .adafactor:
            return Adafactor(
                weightDecay: train.weightDecay,
                scalesByParameter: train.adafactorScalesByParameter)
        case .lion:
            return Lion(
                beta1: train.adamBeta1, beta2: train.adamBeta2, weightDecay: train.weightDecay)
        case .sgd: return SGD(momentum: train.sgdMomentum, weightDecay: train.weightDecay)
        case .muon:
            let rate = optimizer.muonLearningRate ?? train.learningRate
            return Muon(
                momentum: optimizer.muonMomentum, scaling: optimizer.muonScaling,
                rateFactor: train.learningRate > 0 ? rate / train.learningRate : 1, rest: adam,
                matrices: model.matricesBetweenTables)
        case .adamMini: return AdamMini(adam: adam, headSizes: model.headSizes)
        case .galore:
            return GaLore(
                projection: projection(optimizer.galore), scale: optimizer.galore.scale,
                adam: adam, targets: try model.linears(optimizer.galore.targets, "galore_target"))
        case .badam: return BAdam(adam: adam, order: try blockOrder(of: model))
        case .apollo:
            var rest = adam
            if let values = optimizer.apolloRest {
                (rest.beta1, rest.beta2, rest.epsilon) = (
                    values.beta1, values.beta2, values.epsilon
                )
            }
            return APOLLO(
                projection: projection(optimizer.apollo), projector: optimizer.apolloProjector,
                granularity: optimizer.apolloGranularity, scale: optimizer.apollo.scale,
                scalesFirst: optimizer.apolloScalesFirst, adam: adam, rest: rest,
                targets: try model.linears(optimizer.apollo.targets, "apollo_target"))
        }
    }

    private func blockOrder(
        of model: any LanguageModel
    ) throws(TrainingError) -> BlockOrder {
        let names = model.trainedBlocks
        guard !names.isEmpty else {
            throw .user(
                "optim: badam trains blocks in turn, but \(model.description.type) has none that can "
                    + "be; use another optimizer")
        }
        guard names.indices.contains(optimizer.badamStartBlock ?? 0) else {
            throw .user(
                "badam_start_block: found \(optimizer.badamStartBlock ?? 0), expected a block from 0 "
                    + "to \(names.count - 1)")
        }
        return BlockOrder(
            names: names, mode: optimizer.badamMode, start: optimizer.badamStartBlock,
            interval: optimizer.badamInterval, seed: UInt64(train.seed))
    }

    private func projection(_ settings: OptimizerSection.LowRank) -> LowRankProjection {
        LowRankProjection(
            rank: settings.rank, side: settings.side, interval: settings.updateInterval,
            seed: UInt64(train.seed))
    }
}

extension LanguageModel {
    /// Freezes what no block of an order holds.
    func freeze(outside order: BlockOrder?) {
        guard let names = order.map({ $0.names.reduce(into: Set()) { $0.formUnion($1) } }) else {
            return
        }
        for parameter in parameters where !names.contains(parameter.name) {
            parameter.isTrainable = false
        }
    }

    /// Names of the trainable parameters of each layer, which are neighbours in the model.
    fileprivate var trainedBlocks: [Set<String>] {
        let trained = parameters.filter(\.isTrainable).map(\.name)
        return registry.blocks.map { block in
            let places = trained.indices.filter { trained[$0].hasPrefix(block.path + ".") }
            guard let first = places.first, let last = places.last,
                last - first + 1 == places.count
            else { return [] }
            return Set(trained[first...last])
        }.filter { !$0.isEmpty }
    }

    /// Names of the trainable matrices but for tables that are looked up and the head over the vocabulary.
    ///
    /// As LLaMA-Factory takes them for Muon, by what a matrix is for and not by its name alone, which would
    /// miss GPT-2's tables.
    fileprivate var matricesBetweenTables: Set<String> {
        Set(
            parameters.filter { parameter in
                parameter.isTrainable && parameter.shape.extents.count == 2
                    && !parameter.isLookedUp && parameter !== head
                    && !parameter.name.contains("embed") && !parameter.name.contains("lm_head")
            }.map(\.name))
    }

    /// Outputs of a head, of the weights that make queries or keys alone.
    fileprivate var headSizes: [String: Int] {
        let leaves: Set = ["q_proj", "k_proj", "query", "key", "q", "k", "wq", "wk"]
        return Dictionary(
            registry.linears.filter { leaves.contains($0.path.leaf) }.map {
                ($0.linear.weight.name, description.headSize)
            }, uniquingKeysWith: { first, _ in first })
    }

    /// Weights of the trainable linear layers that targets mean: `all` of LLaMA-Factory all but the head, `all-linear` of
    /// transformers that too, or parts of paths, or regular expressions for whole ones.
    ///
    /// - Throws: ``TrainingError/user(_:)`` for a target that means none.
    fileprivate func linears(
        _ targets: [String], _ setting: String
    ) throws(TrainingError) -> Set<String> {
        var trained = registry.linears.map { (path: $0.path, weight: $0.linear.weight) }
        if !isTied, head.shape.extents.count == 2, !trained.contains(where: { $0.weight === head })
        {
            trained.append((String(head.name.dropLast(".weight".count)), head))
        }
        trained = trained.filter(\.weight.isTrainable)
        var meant: Set<String> = []
        for target in targets {
            let pattern = try? Pattern(target, setting: setting)
            let found = trained.filter { path, weight in
                switch target {
                case "all" where targets.count == 1: weight !== head
                case "all-linear" where targets.count == 1: true
                default: path.contains(target) || pattern?.matches(path) == true
                }
            }
            guard !found.isEmpty else {
                let leaves = Set(trained.map(\.path.leaf)).sorted().joined(separator: ", ")
                throw .user(
                    "\(setting): \(target) means no linear layer that is trained; there are "
                        + (leaves.isEmpty ? "none" : leaves))
            }
            meant.formUnion(found.map(\.weight.name))
        }
        return meant
    }
}

extension String {
    /// What stands behind a path's last dot.
    fileprivate var leaf: String { split(separator: ".").last.map(String.init) ?? self }
}
