private import CKernels

/// float32 numbers in two arrays of two bytes each: rounded to bfloat16, as products read them, and
/// the lower halves of their bits, from which the whole numbers come back exactly.
///
/// Rounding is to the nearest, ties away from zero.
package struct SplitNumbers {
    /// bfloat16.
    package let rounded: Buffer
    /// Two bytes an element that are no numbers by themselves.
    package let rest: Buffer

    fileprivate init(rounded: Buffer, rest: Buffer) {
        self.rounded = rounded
        self.rest = rest
    }

    /// Both arrays, to be moved together.
    package var arrays: [Buffer] { [rounded, rest] }

    /// Gives memory of the lower halves back to the system, as far as whole pages of a range hold
    /// nothing else: they read as zeros until they are written again.
    package func forgetRest(_ range: Range<Int>) { rest.forget(range) }

    /// Some of the numbers, on the calling thread.
    /// - Parameter lower: their lower halves, where these lie elsewhere.
    package func join(
        _ range: Range<Int>, lower: UnsafePointer<UInt16>? = nil,
        into y: UnsafeMutablePointer<Float>
    ) {
        guard !range.isEmpty else { return }
        let own = UnsafePointer(self.lower + range.lowerBound)
        lk_join(upper + range.lowerBound, lower ?? own, y, range.count)
    }

    /// The numbers that start `elements` later.
    package func advanced(by elements: Int) -> SplitNumbers {
        SplitNumbers(
            rounded: rounded.advanced(by: elements), rest: rest.advanced(by: elements))
    }

    fileprivate var upper: UnsafeMutablePointer<UInt16> {
        rounded.pointer.assumingMemoryBound(to: UInt16.self)
    }

    var lower: UnsafeMutablePointer<UInt16> {
        rest.pointer.assumingMemoryBound(to: UInt16.self)
    }
}

extension Workspace {
    /// `count` zeros in halves.
    package func splitZeros(_ count: Int) -> SplitNumbers {
        SplitNumbers(rounded: zeros(count, .bfloat16), rest: zeros(count, .bfloat16))
    }

    /// y = x, `count` float32 numbers.
    package func split(_ x: Buffer, into y: SplitNumbers, count: Int) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            let start = range.lowerBound
            lk_split(x.floats + start, y.upper + start, y.lower + start, range.count)
        }
    }

    /// y = x, `count` float32 numbers.
    package func join(_ x: SplitNumbers, into y: Buffer, count: Int) {
        threads.divide(count, atLeast: 16_384, step: 64) { range, _ in
            let start = range.lowerBound
            lk_join(x.upper + start, x.lower + start, y.floats + start, range.count)
        }
    }

    /// `count` elements as float32 numbers of the host.
    package func numbers(_ x: SplitNumbers, count: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { target, initialized in
            if let base = target.baseAddress { lk_join(x.upper, x.lower, base, count) }
            initialized = count
        }
    }

    /// Writes float32 numbers of the host.
    package func store(_ numbers: [Float], into x: SplitNumbers) {
        lk_split(numbers, x.upper, x.lower, numbers.count)
    }

    /// y (rows, width) float32 = (or +=) the rows of `table` named by ids.
    package func gatherRows(
        of table: SplitNumbers, ids: [Int32], width: Int, into y: Buffer, adding: Bool = false
    ) {
        ids.withUnsafeBufferPointer { ids in
            guard let base = ids.baseAddress else { return }
            threads.divide(ids.count, atLeast: 32) { range, _ in
                lk_gather_split_rows(
                    table.upper, table.lower, base + range.lowerBound,
                    y.floats + range.lowerBound * width, adding, range.count, width)
            }
        }
    }

    /// Σ x² in float64; infinite or NaN if an element is. As of float32 numbers in one array.
    package func sumOfSquares(_ x: SplitNumbers, count: Int) -> Double {
        sumOfBlocks(count) { start, count in
            lk_sum_of_squares_split(x.upper + start, x.lower + start, count)
        }
    }
}
