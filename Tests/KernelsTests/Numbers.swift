import Kernels
import TestSupport

/// Random numbers of a test: the stream of a name, so that each use of a name gives the same ones.
struct TestNumbers {
    private var state: UInt64

    init(_ name: String) { state = RandomStream.key(seed: 1, name: name) }

    /// The next number in [low, high).
    mutating func next(_ low: Float = -1, _ high: Float = 1) -> Float {
        state = RandomStream.mixed(state, 1)
        return low + (high - low) * Float(state >> 40) / Float(1 << 24)
    }

    mutating func array(_ count: Int, _ low: Float = -1, _ high: Float = 1) -> [Float] {
        (0..<count).map { _ in next(low, high) }
    }
}

extension Workspace {
    /// A buffer with the given numbers, rounded to `type`.
    func buffer(_ numbers: [Float], _ type: ElementType) -> Buffer {
        let buffer = buffer(numbers.count, type)
        store(numbers, into: buffer)
        return buffer
    }

    /// The numbers as `type` holds them.
    func rounded(_ numbers: [Float], to type: ElementType) -> [Float] {
        self.numbers(buffer(numbers, type), count: numbers.count)
    }
}

extension ElementType {
    static let all: [ElementType] = [.float32, .bfloat16, .float16]

    /// The largest relative error of rounding a number to this type: half a unit in the last place.
    var roundoff: Double {
        switch self {
        case .float32: 0x1p-24
        case .bfloat16: 0x1p-8
        case .float16: 0x1p-11
        }
    }
}
