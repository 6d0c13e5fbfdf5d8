/// What is wrong with a row or a conversation whose place is known elsewhere.
package struct RowProblem: Error, Equatable {
    package let found: String
    package let expected: String

    package init(found: String, expected: String) {
        self.found = found
        self.expected = expected
    }
}
