/// A value for each scalar, of which those of most scripts are found without a hash.
struct ScalarValues<Value> {
    private var low: [Value]
    private var high: [UInt32: Value] = [:]
    private let missing: Value
    /// Below are the scripts of Europe, the Near East and South Asia, and signs.
    private static var end: UInt32 { 0x3000 }

    /// - Parameter missing: the value of scalars that were given none
    init(_ missing: Value) {
        self.missing = missing
        low = [Value](repeating: missing, count: Int(Self.end))
    }

    @inline(__always)
    subscript(scalar: UInt32) -> Value {
        get { scalar < Self.end ? low[Int(scalar)] : high[scalar] ?? missing }
        set {
            if scalar < Self.end { low[Int(scalar)] = newValue } else { high[scalar] = newValue }
        }
    }

    /// Calls `body` with scalars and values, all that were set among them.
    func visit(_ body: (_ scalar: UInt32, _ value: Value) -> Void) {
        for (scalar, value) in low.enumerated() { body(UInt32(scalar), value) }
        for (scalar, value) in high { body(scalar, value) }
    }
}
