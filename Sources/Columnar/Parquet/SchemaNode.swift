/// An element of a Parquet file's schema with those below it.
final class SchemaNode {
    let element: SchemaElement
    let children: [SchemaNode]
    /// Which of the columns of a row group it is; nothing for groups.
    let column: Int?

    /// Groups inside each other.
    private static let deepest = 60

    private init(_ element: SchemaElement, _ children: [SchemaNode], _ column: Int?) {
        self.element = element
        self.children = children
        self.column = column
    }

    /// The tree whose elements, each before those below it, are `elements`.
    ///
    /// - Returns: the root, and the number of columns below it.
    static func tree(
        _ elements: [SchemaElement]
    ) throws(ParquetProblem) -> (root: SchemaNode, columns: Int) {
        var position = 0
        var columns = 0
        let root = try node(elements, &position, &columns, depth: 0)
        guard position == elements.count else {
            throw .damaged(
                "a schema of \(elements.count) elements, \(position) of them in its tree")
        }
        return (root, columns)
    }

    private static func node(
        _ elements: [SchemaElement], _ position: inout Int, _ columns: inout Int, depth: Int
    ) throws(ParquetProblem) -> SchemaNode {
        guard position < elements.count else { throw .damaged("a schema that is cut off") }
        guard depth <= deepest else {
            throw .unsupported(
                found: "columns nested deeper than \(deepest)", advice: "flatten them")
        }
        let element = elements[position]
        position += 1
        if element.physical != nil, depth > 0 {
            guard element.children == 0 else {
                throw .damaged("column \(element.name) with a type and with columns below it")
            }
            columns += 1
            return SchemaNode(element, [], columns - 1)
        }
        guard element.children >= 0, element.children > 0 || depth == 0 else {
            throw .damaged("column \(element.name) without a type and without columns below it")
        }
        var children: [SchemaNode] = []
        var names: Set<String> = []
        for _ in 0..<element.children {
            let child = try node(elements, &position, &columns, depth: depth + 1)
            guard names.insert(child.element.name).inserted else {
                throw .unsupported(
                    found: "two columns named \(child.element.name)", advice: "rename one of them")
            }
            children.append(child)
        }
        return SchemaNode(element, children, nil)
    }
}
