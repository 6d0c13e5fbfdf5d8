import Autograd
import Foundation
import Kernels
import Optimizers
import TestSupport
import Testing

/// A case of optimizers.json.
struct OptimizerCase: CustomTestStringConvertible, Sendable {
    struct Step: Sendable {
        let parameters: [Float]
        let first, second: [Float]?
    }

    var rule: any OptimizerRule
    /// The same rule without weight decay.
    var undecayed: any OptimizerRule { get throws { try Self.rule(name, settings, decay: 0) } }
    private let name: String
    private let settings: [String: any Sendable]
    let learningRate: Double
    let steps: [Int: Step]
    let testDescription: String

    static let all: [OptimizerCase] = {
        do {
            let object = try References.object("optimizers/optimizers.json")
            let cases = object["cases"] as? [[String: Any]] ?? []
            return try cases.map(OptimizerCase.init)
        } catch {
            fatalError("optimizers.json: \(error)")
        }
    }()

    private init(_ object: [String: Any]) throws {
        guard let name = object["optimizer"] as? String,
            let settings = object["settings"] as? [String: Any],
            let rate = settings["learning_rate"] as? Double,
            let steps = object["steps"] as? [String: [String: [Double]]]
        else { throw ReferenceError(message: "an optimizer case without its settings") }
        self.name = name
        self.settings = settings.compactMapValues { value -> (any Sendable)? in
            if let number = value as? Double { return number }
            return value as? [Double]
        }
        rule = try Self.rule(name, self.settings, decay: settings["weight_decay"] as? Double ?? 0)
        learningRate = rate
        testDescription = "\(name) \(settings.sorted { $0.key < $1.key })"
        var read: [Int: Step] = [:]
        for (step, values) in steps {
            read[Int(step) ?? 0] = Step(
                parameters: values["parameters", default: []].map(Float.init),
                first: values["first_moment"]?.map(Float.init),
                second: values["second_moment"]?.map(Float.init))
        }
        self.steps = read
    }
}

extension OptimizerCase {
    private static func rule(
        _ name: String, _ settings: [String: any Sendable], decay: Double
    ) throws -> any OptimizerRule {
        let betas = settings["betas"] as? [Double] ?? [0, 0]
        switch name {
        case "adamw":
            return AdamW(
                beta1: betas[0], beta2: betas[1], epsilon: settings["epsilon"] as? Double ?? 0,
                weightDecay: decay)
        case "lion": return Lion(beta1: betas[0], beta2: betas[1], weightDecay: decay)
        case "sgd":
            return SGD(
                momentum: settings["momentum"] as? Double ?? 0,
                isNesterov: settings["nesterov"] as? Double == 1, weightDecay: decay)
        default: throw ReferenceError(message: "optimizer \(name)")
        }
    }
}

/// The eight parameters of the reference and their gradients.
struct ReferenceProblem {
    let workspace: Workspace
    let store: ParameterStore
    let parameter: Parameter

    /// - Parameter shape: eight numbers; those of a matrix are decayed.
    init(threads: Int, type: ElementType = .float32, shape: Shape = [2, 4]) {
        workspace = Workspace(threads: threads)
        parameter = Parameter(name: "weight", shape: shape, initializer: .zeros)
        store = ParameterStore([parameter], computeType: type, training: true, in: workspace)
        workspace.assign((0..<8).map { Float(cos(Double($0 + 1)) / 2) }, to: parameter)
    }

    var numbers: [Float] { workspace.numbers(parameter) }

    /// What kernels read.
    var copies: [Float] { workspace.numbers(parameter.value, count: 8) }

    func optimizer(_ reference: OptimizerCase, ranges: [Range<Int>]) -> Optimizer {
        Optimizer(reference.rule, store: store, ranges: ranges, in: workspace)
    }

    /// sin((i + 1) · step) / 4, times `scale`.
    func setGradients(step: Int, scale: Float) {
        guard let gradient = parameter.gradient else { return }
        workspace.store(
            (0..<8).map { scale * Float(sin(Double(($0 + 1) * step)) / 4) }, into: gradient)
    }
}

extension Optimizer {
    /// A moment laid out like the flat arrays, zeros where this rank keeps none of it.
    func flatMoment(_ moment: String, of store: ParameterStore) -> Buffer? {
        guard memory(of: moment) != nil else { return nil }
        let flat = store.workspace.zeros(store.count, .float32)
        copy(moment, in: 0..<store.count, into: flat)
        return flat
    }
}
