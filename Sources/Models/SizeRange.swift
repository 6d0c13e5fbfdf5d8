/// What the sizes of a config.json may be. All limits lie far beyond any published model; below
/// them no product of sizes overflows.
enum SizeRange {
    static let vocabulary = 1...1 << 27
    static let width = 1...1 << 20
    static let feedForward = 1...1 << 24
    static let layers = 1...1 << 12
    static let heads = 1...1 << 16
    /// The kernels' sums of a head have so much room.
    static let headSize = 1...1024
    static let positions = 1...Int(Int32.max)
    static let experts = 1...1 << 12

    /// Experts of all layers together.
    static let allExperts = 1 << 14
    /// Parameters of a model.
    static let parameters = 1e14

    /// Throws where a model has more parameters than any machine holds.
    static func check(parameters: Double) throws(ModelError) {
        guard parameters <= Self.parameters else {
            throw .tooLarge(parameters: parameters, limit: Self.parameters)
        }
    }

    /// Throws where `width` divided among `heads` makes heads that the kernels have no room for.
    static func check(
        head size: Int, of width: Int, _ widthKey: String, heads: Int, _ headsKey: String
    ) throws(ModelError) {
        guard !headSize.contains(size) else { return }
        throw .outOfRange(
            key: widthKey, found: "\(width) with \(headsKey) \(heads), heads of \(size) dimensions",
            expected: "heads of at most \(headSize.upperBound)")
    }
}
