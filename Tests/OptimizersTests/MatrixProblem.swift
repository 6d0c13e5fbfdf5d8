import Autograd
import Foundation
import Kernels
import Optimizers
import TestSupport
import Testing

/// Named parameters and gradients as scripts/references/matrix_optimizers.py has them.
struct MatrixProblem {
    let workspace: Workspace
    let store: ParameterStore
    let parameters: [Parameter]

    /// - Parameters:
    ///   - rule: the one that will be used, where it trains blocks in turn.
    ///   - splits: whether masters are kept in halves.
    init(
        _ shapes: [String: Shape], for rule: (any OptimizerRule)? = nil, threads: Int = 1,
        splits: Bool = false
    ) {
        workspace = Workspace(threads: threads)
        parameters = shapes.sorted { $0.key < $1.key }.map {
            Parameter(name: $0.key, shape: $0.value, initializer: .zeros)
        }
        let turns = rule?.blocks?.names ?? []
        for parameter in parameters where !turns.isEmpty {
            parameter.isTrainable = turns.contains { $0.contains(parameter.name) }
        }
        store = ParameterStore(
            parameters, computeType: splits ? .bfloat16 : .float32, training: true,
            splits: splits, turns: turns, in: workspace)
        for parameter in parameters {
            workspace.assign(
                (0..<parameter.count).map { Float(cos(Double($0 + 1)) / 2) }, to: parameter)
        }
    }

    var numbers: [[Float]] { parameters.map(workspace.numbers) }

    func optimizer(_ rule: any OptimizerRule, _ ranges: [Range<Int>]? = nil) -> Optimizer {
        Optimizer(rule, store: store, ranges: ranges ?? [0..<store.count], in: workspace)
    }

    func setGradients(step: Int, scale: Double = 1) {
        for parameter in parameters {
            guard let gradient = parameter.gradient else { continue }
            workspace.store(
                (0..<parameter.count).map { index in
                    let i = Double(index)
                    let s = Double(step)
                    return Float(scale * (sin((i + 1) * (i + 1) * s / 7) / 4 + cos(i * s) / 5))
                }, into: gradient)
        }
    }

    func update(_ optimizers: [Optimizer], step: Int, rate: Double = 0.01) {
        for optimizer in optimizers { optimizer.beginStep() }
        setGradients(step: step)
        for optimizer in optimizers { optimizer.update(learningRate: rate, gradientScale: 1) }
    }
}

/// A case of matrix_optimizers/cases.json.
struct MatrixCase: CustomTestStringConvertible, Sendable {
    let rule: any OptimizerRule
    let shapes: [String: Shape]
    let rate: Double
    /// By step, name, and what is reported.
    let steps: [Int: [String: [String: [Float]]]]
    let testDescription: String

    static let all: [MatrixCase] = {
        do {
            let object = try References.object("matrix_optimizers/cases.json")
            return try ["muon", "adam_mini", "badam", "galore", "apollo"].flatMap { name in
                try (object[name] as? [[String: Any]] ?? []).map { try MatrixCase(name, $0) }
            }
        } catch {
            fatalError("cases.json: \(error)")
        }
    }()

    private init(_ name: String, _ object: [String: Any]) throws {
        guard let settings = object["settings"] as? [String: Any],
            let shapes = object["shapes"] as? [String: [Int]],
            let rate = settings["learning_rate"] as? Double,
            let steps = object["steps"] as? [String: [String: [String: Any]]]
        else { throw ReferenceError(message: "a case of \(name) without its settings") }
        self.shapes = shapes.mapValues { Shape($0) }
        self.rate = rate
        rule = try Self.rule(name, settings, headSize: object["head_size"] as? Int ?? 1, shapes)
        self.steps = steps.reduce(into: [:]) { all, step in
            all[Int(step.key) ?? 0] = step.value.mapValues { reported in
                reported.compactMapValues { value in
                    if let number = value as? Double { return [Float(number)] }
                    return (value as? [Double])?.map(Float.init)
                }
            }
        }
        testDescription = "\(name) \(settings.sorted { $0.key < $1.key })"
    }

    private static func rule(
        _ name: String, _ settings: [String: Any], headSize: Int, _ shapes: [String: [Int]]
    ) throws -> any OptimizerRule {
        func number(_ key: String) -> Double { settings[key] as? Double ?? .nan }
        func word(_ key: String) -> String { settings[key] as? String ?? "" }
        let betas = settings["betas"] as? [Double] ?? [0.9, 0.999]
        let epsilon = settings["epsilon"] as? Double ?? 1e-8
        let adam = AdamW(
            beta1: betas[0], beta2: betas[1], epsilon: epsilon,
            weightDecay: number("weight_decay"))
        let rest = settings["rest"] as? [String: Any] ?? [:]
        let names = Set(shapes.keys).subtracting(rest["names"] as? [String] ?? [])
        if name == "adam_mini" {
            let heads = names.filter { $0.contains("q_proj.w") || $0.contains("k_proj.w") }
            return AdamMini(
                adam: adam,
                headSizes: Dictionary(uniqueKeysWithValues: heads.map { ($0, headSize) }))
        }
        if name == "badam" {
            guard let mode = BlockOrder.Mode(rawValue: word("mode")) else {
                throw ReferenceError(message: "mode \(word("mode"))")
            }
            return BAdam(
                adam: adam,
                order: BlockOrder(
                    names: (0..<3).map { ["model.layers.\($0).weight"] }, mode: mode,
                    start: settings["start"] as? Int, interval: settings["interval"] as? Int,
                    seed: 7))
        }
        if name == "muon" {
            guard let scaling = Muon.Scaling(rawValue: word("scaling")) else {
                throw ReferenceError(message: "scaling \(word("scaling"))")
            }
            return Muon(
                momentum: number("momentum"), scaling: scaling, rateFactor: 1, rest: adam,
                matrices: names)
        }
        guard let side = LowRankProjection.Side(rawValue: word("side")) else {
            throw ReferenceError(message: "side \(word("side"))")
        }
        let projection = LowRankProjection(
            rank: settings["rank"] as? Int ?? 0, side: side,
            interval: settings["interval"] as? Int ?? 0, seed: 7)
        if name == "galore" {
            return GaLore(
                projection: projection, scale: number("scale"), adam: adam, targets: names)
        }
        guard let projector = APOLLO.Projector(rawValue: word("projector")),
            let granularity = APOLLO.Granularity(rawValue: word("granularity"))
        else { throw ReferenceError(message: "\(settings)") }
        return APOLLO(
            projection: projection, projector: projector, granularity: granularity,
            scale: number("scale"), scalesFirst: settings["scales_first"] as? Bool ?? false,
            adam: adam,
            rest: AdamW(
                beta1: (rest["betas"] as? [Double])?[0] ?? betas[0],
                beta2: (rest["betas"] as? [Double])?[1] ?? betas[1],
                epsilon: rest["epsilon"] as? Double ?? epsilon, weightDecay: adam.weightDecay),
            targets: names)
    }
}
