/// Valid UTF-8 with the class of every byte's scalar beside it.
///
/// Continuation bytes carry their scalar's class, so a run of a class is a run of bytes.
struct ClassifiedText {
    private(set) var bytes: [UInt8] = []
    /// Raw ``ScalarClass`` of each byte; may be longer than `bytes`.
    private var classes: [UInt16] = []

    /// Takes `bytes` as the text.
    ///
    /// - Parameter table: `nil` where nobody asks for classes
    mutating func set(_ bytes: [UInt8], _ table: ScalarClasses?) {
        self.bytes = bytes
        table?.classify(bytes, into: &classes)
    }

    /// Where the run of scalars of none of these classes from `index` ends.
    @inline(__always)
    func runEnd(without members: ScalarClass, from index: Int, to end: Int) -> Int {
        let mask = members.rawValue
        var index = index
        while index < end, classes[index] & mask == 0 { index += 1 }
        return index
    }

    /// Whether the scalar at `index` is of one of the classes.
    @inline(__always)
    func `is`(_ index: Int, _ members: ScalarClass) -> Bool {
        classes[index] & members.rawValue != 0
    }

    /// Where the run of these classes from `index` ends.
    @inline(__always)
    func runEnd(_ members: ScalarClass, from index: Int, to end: Int) -> Int {
        let mask = members.rawValue
        var index = index
        while index < end, classes[index] & mask != 0 { index += 1 }
        return index
    }

    /// Where at most `limit` scalars of these classes from `index` end.
    @inline(__always)
    func runEnd(_ members: ScalarClass, from index: Int, to end: Int, atMost limit: Int) -> Int {
        var index = index
        var count = 0
        while count < limit, index < end, self.is(index, members) {
            index += ScalarClasses.length(startingWith: bytes[index])
            count += 1
        }
        return index
    }

    /// Where the scalar that begins at `index` ends.
    @inline(__always)
    func scalarEnd(_ index: Int) -> Int {
        index + ScalarClasses.length(startingWith: bytes[index])
    }

    /// Where the scalar that ends before `end` begins.
    @inline(__always)
    func scalarStart(before end: Int) -> Int { ScalarClasses.start(before: end, of: bytes) }

    /// `'s|'t|'re|'ve|'m|'ll|'d` at `index`: where it ends, or `index` if there is none.
    ///
    /// - Parameter ignoringCase: `(?i:…)`, which also takes U+017F (ſ) for an s.
    @inline(__always)
    func contractionEnd(_ index: Int, to end: Int, ignoringCase: Bool) -> Int {
        guard bytes[index] == UInt8(ascii: "'"), index + 1 < end else { return index }
        let fold: UInt8 = ignoringCase ? 0x20 : 0
        let first = bytes[index + 1]
        switch first | fold {
        case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"):
            return index + 2
        default: break
        }
        guard index + 2 < end else { return index }
        let second = bytes[index + 2]
        if ignoringCase, first == 0xC5, second == 0xBF { return index + 3 }
        switch (first | fold, second | fold) {
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return index + 3
        default: return index
        }
    }

    /// `\s+(?!\S)|\s+` at `index`: a run of white space leaves its last scalar to what follows.
    @inline(__always)
    func whitespaceEnd(_ index: Int, to end: Int) -> Int {
        let run = runEnd(.whitespace, from: index, to: end)
        if run == end || run == index { return run }
        let last = scalarStart(before: run)
        return last > index ? last : run
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+` at `index`: a run of white space ends after its last line end.
    @inline(__always)
    func linesEnd(_ index: Int, to end: Int) -> Int {
        let run = runEnd(.whitespace, from: index, to: end)
        var last = run
        while last > index {
            if self.is(last - 1, .newline) { return last }
            last -= 1
        }
        if run == end || run == index { return run }
        last = scalarStart(before: run)
        return last > index ? last : run
    }
}
