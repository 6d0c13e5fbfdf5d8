/// How one number lies in memory.
package enum ElementType: Int32, Sendable, Hashable {
    case float32 = 0
    /// The upper half of a float32.
    case bfloat16 = 1
    /// IEEE 754 binary16.
    case float16 = 2

    /// Bytes of one element.
    package var bytes: Int { self == .float32 ? 4 : 2 }
}
