package struct BottleneckConfiguration: Equatable, Sendable {
    static func read(_ text: String, file: String) throws(FinetuningError)
        -> BottleneckConfiguration?
    { nil }
}
