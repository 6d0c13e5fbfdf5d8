/// An array's name and extents, without its numbers.
package struct ArrayDescription: Sendable, Equatable {
    package var name: String
    /// Extents, outermost first.
    package var shape: [Int]

    package init(name: String, shape: [Int]) {
        self.name = name
        self.shape = shape
    }

    /// Numbers it holds.
    package var elements: Int { shape.reduce(1, *) }

    /// The product of extents that a file states; `nil` where it cannot be one.
    package static func elements(of shape: [Int]) -> Int? {
        var product = 1
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            guard extent >= 0, !overflow else { return nil }
            product = next
        }
        return product
    }
}
