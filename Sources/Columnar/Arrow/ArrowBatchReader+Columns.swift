extension ArrowBatchReader {
    /// The next column.
    ///
    /// - Parameters:
    ///   - field: what it is; not left out.
    ///   - name: its path, for messages.
    /// - Throws: ``ArrowProblem``.
    mutating func column(
        _ field: ArrowField, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let node = try node(name)
        if let encoding = field.dictionary { return try indices(encoding, node, name) }
        if field.type == .null { return ArrowNulls(count: node.count) }
        let valid = try bitmap(name, node)
        switch field.type {
        case .structure: return try structs(field, node, valid, name)
        case .map: return try maps(field, node, valid, name)
        case .list(32): return try lists(Int32.self, field, node, valid, name)
        case .list: return try lists(Int64.self, field, node, valid, name)
        case .listView(32): return try listViews(Int32.self, field, node, valid, name)
        case .listView: return try listViews(Int64.self, field, node, valid, name)
        case .fixedSizeList(let size): return try fixedLists(size, field, node, valid, name)
        case .text, .textView:
            let texts = try texts(field.type, node, valid, name)
            return field.isJSON ? ArrowJSONTexts(name: name, texts: texts) : texts
        default: return try flat(field, node, valid, name)
        }
    }

    /// Values of a fixed number of bits.
    private mutating func flat(
        _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        switch field.type {
        case .bool:
            return ArrowBools(
                count: node.count, valid: valid, values: try buffer(name, node.count, bits: 1))
        case .integer(let bits, let isSigned):
            let values = try buffer(name, node.count, bits: bits)
            return Self.integers(bits, isSigned) { number in
                Self.integers(number, node.count, valid, values)
            }
        case .floatingPoint(let bits):
            return ArrowFloats(
                count: node.count, valid: valid, values: try buffer(name, node.count, bits: bits),
                bits: bits)
        case .decimal(let bits, let scale):
            return ArrowDecimals(
                count: node.count, valid: valid, values: try buffer(name, node.count, bits: bits),
                bits: bits, scale: scale)
        case .date(let bits):
            return try times(.date(isDays: bits == 32), bits, node, valid, name)
        case .time(let unit, let bits): return try times(.time(unit), bits, node, valid, name)
        case .duration(let unit): return try times(.duration(unit), 64, node, valid, name)
        case .timestamp(let unit, let zone):
            let zone = try zone.flatMap { zone throws(ArrowProblem) in
                try ArrowZone(zone, column: name)
            }
            return try times(.timestamp(unit, zone), 64, node, valid, name)
        default:
            throw .unsupported(
                found: "column \(name): a type that is not read",
                advice: "drop the column (table.drop_columns) before the table is written")
        }
    }

    private mutating func times(
        _ text: ArrowTimeText, _ bits: Int, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        ArrowTimes(
            name: name, count: node.count, valid: valid,
            values: try buffer(name, node.count, bits: bits), bits: bits, text: text)
    }

    private mutating func texts(
        _ type: ArrowType, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        if case .text(let bits) = type {
            let offsets = try offsets(node, bits: bits, name)
            let letters = try buffer(name, 0, bits: 8)
            return bits == 32
                ? ArrowTexts<Int32>(
                    name: name, count: node.count, valid: valid, offsets: offsets, letters: letters)
                : ArrowTexts<Int64>(
                    name: name, count: node.count, valid: valid, offsets: offsets, letters: letters)
        }
        let views = try buffer(name, node.count, bits: 128)
        return ArrowTextViews(
            name: name, count: node.count, valid: valid, views: views,
            buffers: try viewedBuffers(name))
    }

    private mutating func structs(
        _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        var members: [ArrowStructs.Member] = []
        for child in field.children {
            let path = "\(name).\(child.name)"
            guard !child.isLeftOut else {
                try skip(child, path)
                continue
            }
            let values = try column(child, path)
            guard values.count >= node.count else {
                throw .damaged("column \(path) has \(values.count) values, \(node.count) expected")
            }
            members.append(ArrowStructs.Member(key: JSONLine.quoted(child.name), values: values))
        }
        return ArrowStructs(count: node.count, valid: valid, members: members)
    }

    private mutating func lists<Offset: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Offset.Type, _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap,
        _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let offsets = try offsets(node, bits: Offset.bitWidth, name)
        return ArrowLists<Offset>(
            name: name, count: node.count, valid: valid, offsets: offsets,
            elements: try elements(field, name))
    }

    private mutating func listViews<Offset: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Offset.Type, _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap,
        _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let offsets = try buffer(name, node.count, bits: Offset.bitWidth)
        let sizes = try buffer(name, node.count, bits: Offset.bitWidth)
        return ArrowListViews<Offset>(
            name: name, count: node.count, valid: valid, offsets: offsets, sizes: sizes,
            elements: try elements(field, name))
    }

    private mutating func fixedLists(
        _ size: Int, _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let elements = try elements(field, name)
        let (wanted, overflow) = node.count.multipliedReportingOverflow(by: size)
        guard !overflow, wanted <= elements.count else {
            throw .damaged("column \(name) has lists of \(size), but \(elements.count) elements")
        }
        return ArrowFixedLists(count: node.count, valid: valid, size: size, elements: elements)
    }

    private mutating func maps(
        _ field: ArrowField, _ node: Node, _ valid: ArrowBitmap, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let offsets = try offsets(node, bits: 32, name)
        let entry = field.children[0]
        let entries = try self.node(name)
        _ = try bitmap(name, entries)
        let keys = try column(entry.children[0], "\(name).key")
        let values = try column(entry.children[1], "\(name).value")
        guard keys.count >= entries.count, values.count >= entries.count else {
            throw .damaged("column \(name) has fewer keys or values than entries")
        }
        let haveTexts =
            switch entry.children[0].type {
            case .text, .textView: !entry.children[0].isJSON
            default: false
            }
        let lists = ArrowLists<Int32>(
            name: name, count: node.count, valid: valid, offsets: offsets,
            elements: ArrowNulls(count: entries.count))
        return ArrowMaps(lists: lists, keys: keys, values: values, haveTexts: haveTexts)
    }

    private mutating func elements(
        _ field: ArrowField, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let elements = try column(field.children[0], name)
        guard field.children[0].takesBytes || elements.count <= Self.mostWithoutBytes else {
            throw .damaged("column \(name) has \(elements.count) elements without any bytes")
        }
        return elements
    }

    private mutating func indices(
        _ encoding: ArrowDictionaryEncoding, _ node: Node, _ name: String
    ) throws(ArrowProblem) -> any ArrowColumn {
        let valid = try bitmap(name, node)
        let indices = try buffer(name, node.count, bits: encoding.bits)
        guard let dictionary = dictionaries[encoding.id] else {
            throw .damaged("column \(name) has no dictionary")
        }
        return Self.integers(encoding.bits, encoding.isSigned) { index in
            Self.indices(index, name, node.count, valid, indices, dictionary)
        }
    }

    /// Where each value begins, and where the last one ends. A column without rows may have no offsets.
    private mutating func offsets(
        _ node: Node, bits: Int, _ name: String
    ) throws(ArrowProblem) -> ByteView {
        let (count, overflow) = node.count.addingReportingOverflow(1)
        guard !overflow else { throw .damaged("column \(name) has \(node.count) values") }
        return try buffer(name, node.count == 0 ? 0 : count, bits: bits)
    }

    private static func integers(
        _ number: any (FixedWidthInteger & BitwiseCopyable).Type, _ count: Int,
        _ valid: ArrowBitmap, _ values: ByteView
    ) -> any ArrowColumn {
        func open<Number: FixedWidthInteger & BitwiseCopyable>(
            _ number: Number.Type
        ) -> any ArrowColumn {
            ArrowIntegers<Number>(count: count, valid: valid, values: values)
        }
        return open(number)
    }

    private static func indices(
        _ index: any (FixedWidthInteger & BitwiseCopyable).Type, _ name: String, _ count: Int,
        _ valid: ArrowBitmap, _ indices: ByteView, _ dictionary: ArrowDictionary
    ) -> any ArrowColumn {
        func open<Index: FixedWidthInteger & BitwiseCopyable>(
            _ index: Index.Type
        ) -> any ArrowColumn {
            ArrowIndices<Index>(
                name: name, count: count, valid: valid, indices: indices, dictionary: dictionary)
        }
        return open(index)
    }

    /// Makes a column of whole numbers of a size.
    private static func integers(
        _ bits: Int, _ isSigned: Bool,
        _ make: (any (FixedWidthInteger & BitwiseCopyable).Type) -> any ArrowColumn
    ) -> any ArrowColumn {
        switch (bits, isSigned) {
        case (8, true): make(Int8.self)
        case (8, false): make(UInt8.self)
        case (16, true): make(Int16.self)
        case (16, false): make(UInt16.self)
        case (32, true): make(Int32.self)
        case (32, false): make(UInt32.self)
        case (_, true): make(Int64.self)
        case (_, false): make(UInt64.self)
        }
    }
}
