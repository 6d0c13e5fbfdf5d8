private import CKernels

/// float32 numbers on their way to and from bfloat16, on the calling thread.
///
/// For a thread beside the step's: kernels of a ``Workspace`` belong to the step.
package enum WireNumbers {
    /// y = x, rounded to the nearest bfloat16, ties to even. Infinities stay, NaN stays NaN.
    package static func round(
        _ x: UnsafeMutableBufferPointer<Float>, into y: UnsafeMutablePointer<UInt16>
    ) {
        guard let x32 = x.baseAddress else { return }
        lk_convert(
            ElementType.float32.rawValue, x32, ElementType.bfloat16.rawValue, y, x.count)
    }

    /// y = x, exactly.
    package static func widen(
        _ x: UnsafePointer<UInt16>, into y: UnsafeMutableBufferPointer<Float>
    ) {
        guard let y32 = y.baseAddress else { return }
        lk_convert(
            ElementType.bfloat16.rawValue, x, ElementType.float32.rawValue, y32, y.count)
    }

    /// y += x, in float32.
    package static func add(
        _ x: UnsafePointer<UInt16>, to y: UnsafeMutableBufferPointer<Float>
    ) {
        guard let y32 = y.baseAddress else { return }
        lk_add(ElementType.float32.rawValue, y32, ElementType.bfloat16.rawValue, x, y.count)
    }
}
