/// What the sizes of a config.json may be. All limits lie far beyond any published model; below
/// them no product of sizes overflows.
enum SizeRange {
    static let vocabulary = 1...1 << 27
    static let width = 1...1 << 20
    static let feedForward = 1...1 << 24
    static let layers = 1...1 << 12
    static let heads = 1...1 << 16
    static let headSize = 1...1 << 16
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
}
