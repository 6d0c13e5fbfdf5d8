private import CKernels
private import Glibc

extension Workspace {
    /// `count` elements of x as float32 numbers of the host.
    package func numbers(_ x: Buffer, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { target, initialized in
            if let base = target.baseAddress {
                lk_convert(x.type.rawValue, x.pointer, 0, base, count)
            }
            initialized = count
        }
    }

    /// Writes `count` elements of x to a view, from its word `place` on, as float32 numbers.
    package func numbers(_ x: Buffer, count: Int, into view: HostView, at place: Int) {
        guard let target = view.words.baseAddress else { return }
        lk_convert(x.type.rawValue, x.pointer, 0, target + place, count)
    }

    /// Writes float32 numbers of the host into x, in x's type.
    package func store(_ numbers: UnsafeBufferPointer<Float>, into x: Buffer) {
        guard let base = numbers.baseAddress else { return }
        lk_convert(0, base, x.type.rawValue, x.pointer, numbers.count)
    }

    /// Writes float32 numbers of the host into x, in x's type.
    package func store(_ numbers: [Float], into x: Buffer) {
        numbers.withUnsafeBufferPointer { store($0, into: x) }
    }

    /// Σ x over `count` float32 elements, in float64, in the order of the elements.
    package func sum(_ x: Buffer, count: Int) -> Double {
        UnsafeBufferPointer(start: x.floats, count: count).reduce(0) { $0 + Double($1) }
    }

    /// Sets `count` elements to zero.
    package func clear(_ x: Buffer, count: Int) {
        threads.divide(count, atLeast: 1 << 20, step: 64) { range, _ in
            x.advanced(by: range.lowerBound).clear(count: range.count)
        }
    }
}

extension Buffer {
    /// Sets `count` elements to zero, on the calling thread.
    package func clear(count: Int) { memset(pointer, 0, count * type.bytes) }
}
