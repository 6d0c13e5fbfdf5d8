/// Where a row begins in its file, from 1, as messages say it: "line 3", or "row 7" in a list whose rows share
/// lines.
///
/// A single integer, negative for rows, since millions of them are kept.
package struct RowPosition: Sendable, Hashable, CustomStringConvertible {
    /// How many rows of a list are looked at to tell whether its rows share lines.
    static let examinedRows = 64

    private let number: Int

    package static func line(_ number: Int) -> RowPosition { RowPosition(number: number) }

    package static func row(_ number: Int) -> RowPosition { RowPosition(number: -number) }

    package var description: String { number < 0 ? "row \(-number)" : "line \(number)" }
}
