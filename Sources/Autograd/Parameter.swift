package import Kernels

/// How a parameter's first numbers are drawn.
package enum Initializer: Sendable, Hashable {
    case zeros
    case ones
    case normal(deviation: Float)
    /// On (−bound, bound).
    case uniform(bound: Float)
}

/// A named array the optimizer may change.
package final class Parameter {
    /// The Hugging Face name, e.g. `model.layers.3.self_attn.q_proj.weight`. Also the checkpoint key,
    /// the adapter target and the optimizer-group key.
    package let name: String
    package let shape: Shape
    package let initializer: Initializer
    /// Whether weight decay applies: matrices yes, norms and biases no.
    package let decays: Bool
    /// Whether the optimizer may change it.
    package var isTrainable = true

    /// float32 weights that updates apply to; `nil` while frozen.
    package internal(set) var master: Buffer?
    /// What kernels read: the master itself, or a copy of it in the compute type (matrices only).
    private var storedValue: Buffer?
    /// float32 sum of gradients; `nil` while frozen.
    package internal(set) var gradient: Buffer?

    package init(name: String, shape: Shape, initializer: Initializer) {
        self.name = name
        self.shape = shape
        self.initializer = initializer
        decays = shape.extents.count >= 2
    }

    package var count: Int { shape.count }

    /// What kernels read.
    package internal(set) var value: Buffer {
        get {
            guard let storedValue else {
                preconditionFailure("parameter \(name) has no storage yet")
            }
            return storedValue
        }
        set { storedValue = newValue }
    }

    /// float32 numbers, as norms and biases are kept.
    package var floatValue: Buffer { master ?? value }

    /// The type kernels read it in, for a compute type.
    func valueType(_ compute: ElementType) -> ElementType { decays ? compute : .float32 }
}

extension Workspace {
    /// Sets a parameter's numbers, in the master and in what kernels read.
    package func assign(_ numbers: [Float], to parameter: Parameter) {
        precondition(
            numbers.count == parameter.count,
            "\(parameter.name) \(parameter.shape) assigned \(numbers.count) numbers")
        if let master = parameter.master { store(numbers, into: master) }
        store(numbers, into: parameter.value)
    }

    /// The parameter's float32 numbers.
    package func numbers(_ parameter: Parameter) -> [Float] {
        numbers(parameter.floatValue, count: parameter.count)
    }

    /// Draws the parameter's first numbers from the stream of its name.
    package func initialize(_ parameter: Parameter, seed: UInt64) {
        let drawn = parameter.master ?? buffer(parameter.count, .float32)
        let key = RandomStream.key(seed: seed, name: parameter.name)
        switch parameter.initializer {
        case .zeros: fill(drawn, count: parameter.count, with: 0)
        case .ones: fill(drawn, count: parameter.count, with: 1)
        case .normal(let deviation):
            fillNormal(drawn, count: parameter.count, deviation: deviation, key: key)
        case .uniform(let bound):
            fillUniform(drawn, count: parameter.count, low: -bound, high: bound, key: key)
        }
        if drawn.pointer != parameter.value.pointer {
            convert(drawn, to: parameter.value, count: parameter.count)
        }
    }
}
