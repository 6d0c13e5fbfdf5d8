/// The extents of an array, outermost first.
///
/// Legend of axis letters, used wherever a shape is written: B batch, T time, C width, H heads,
/// G groups of keys and values, D head size, F feed-forward width, V vocabulary, R low rank.
package struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    package let extents: [Int]

    package init(_ extents: [Int]) { self.extents = extents }

    package init(arrayLiteral elements: Int...) { extents = elements }

    /// How many elements an array of this shape has.
    package var count: Int { extents.reduce(1, *) }

    /// The last extent; 1 for a scalar.
    package var width: Int { extents.last ?? 1 }

    /// The product of all extents but the last.
    package var rows: Int { width == 0 ? 0 : count / width }

    /// The same shape with another last extent.
    package func withWidth(_ width: Int) -> Shape { Shape(extents.dropLast() + [width]) }

    package var description: String {
        "(" + extents.map(String.init).joined(separator: ", ") + ")"
    }
}
