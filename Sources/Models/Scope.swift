package import Autograd

/// A place in a model: the prefix of its parameters' names, and the list they join.
package struct Scope {
    /// All parameters of a model, in the order in which they were made.
    package final class Registry {
        package fileprivate(set) var parameters: [Parameter] = []
        package fileprivate(set) var linears: [(path: String, linear: Linear)] = []
        package fileprivate(set) var embeddings: [(path: String, embedding: TokenEmbedding)] = []
        package fileprivate(set) var blocks: [(path: String, adapters: BlockAdapters)] = []
        /// `nil` in models whose texts have no place for virtual tokens.
        package fileprivate(set) var virtualTokens: VirtualTokenSlot?

        package init() {}
    }

    package let path: String
    private let registry: Registry
    /// How many deviations from 0 the first numbers may lie where they are drawn from a normal
    /// distribution; any without.
    private let cutoff: Float?

    package init(_ registry: Registry, normalCutoff: Float? = nil) {
        self.init(path: "", registry: registry, cutoff: normalCutoff)
    }

    private init(path: String, registry: Registry, cutoff: Float?) {
        self.path = path
        self.registry = registry
        self.cutoff = cutoff
    }

    /// The place `name` below `scope`.
    package static func / (scope: Scope, name: String) -> Scope {
        Scope(
            path: scope.path.isEmpty ? name : scope.path + "." + name, registry: scope.registry,
            cutoff: scope.cutoff)
    }

    /// The place of number `index` below `scope`.
    package static func / (scope: Scope, index: Int) -> Scope { scope / String(index) }

    /// A new parameter of this place.
    package func parameter(_ name: String, _ shape: Shape, _ initializer: Initializer) -> Parameter
    {
        var initializer = initializer
        if let cutoff, case .normal(let deviation) = initializer {
            initializer = .truncatedNormal(deviation: deviation, cutoff: cutoff)
        }
        let parameter = Parameter(
            name: (self / name).path, shape: shape, initializer: initializer)
        registry.parameters.append(parameter)
        return parameter
    }

    /// Makes a linear layer known, so that finetuning can find it by its path.
    func register(_ linear: Linear) { registry.linears.append((path, linear)) }

    /// Makes an embedding table known, so that finetuning can find it by its path.
    func register(_ embedding: TokenEmbedding) { registry.embeddings.append((path, embedding)) }

    /// Makes the model's slot for virtual tokens known.
    func register(_ slot: VirtualTokenSlot) { registry.virtualTokens = slot }

    /// New slots for adapters of a block, known by the block's path.
    func blockAdapters() -> BlockAdapters {
        let adapters = BlockAdapters()
        registry.blocks.append((path, adapters))
        return adapters
    }
}
