/// Which of two elements of a ``BinaryHeap`` comes first.
@usableFromInline
package protocol HeapOrder<Element> {
    associatedtype Element

    /// Whether `element` is to be given before `other`.
    func precedes(_ element: Element, _ other: Element) -> Bool
}

/// A queue that gives its first element first.
///
/// Both rooms that use it compile it for their own elements.
@usableFromInline
package struct BinaryHeap<Element> {
    @usableFromInline var elements: [Element] = []

    @inlinable
    package init() {}

    /// Forgets all elements and keeps the memory.
    @inlinable
    package mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

    /// Adds an element.
    @inlinable
    package mutating func push(_ element: Element, by order: some HeapOrder<Element>) {
        var hole = elements.count
        elements.append(element)
        while hole > 0 {
            let parent = (hole - 1) >> 1
            guard order.precedes(element, elements[parent]) else { break }
            elements[hole] = elements[parent]
            hole = parent
        }
        elements[hole] = element
    }

    /// Takes the first element out; `nil` if there is none.
    @inlinable
    package mutating func pop(by order: some HeapOrder<Element>) -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let top = elements.first else { return last }
        var hole = 0
        var child = 1
        while child < elements.count {
            if child + 1 < elements.count, order.precedes(elements[child + 1], elements[child]) {
                child += 1
            }
            guard order.precedes(elements[child], last) else { break }
            elements[hole] = elements[child]
            hole = child
            child = 2 * hole + 1
        }
        elements[hole] = last
        return top
    }
}

extension BinaryHeap: Sendable where Element: Sendable {}

/// The least element first.
@usableFromInline
package struct AscendingOrder<Element: Comparable>: HeapOrder {
    @inlinable
    package init() {}

    @inlinable
    package func precedes(_ element: Element, _ other: Element) -> Bool { element < other }
}

extension BinaryHeap where Element: Comparable {
    /// Adds an element of a queue that gives its least first.
    @inlinable
    package mutating func push(_ element: Element) { push(element, by: AscendingOrder()) }

    /// Takes the least element out; `nil` if there is none.
    @inlinable
    package mutating func pop() -> Element? { pop(by: AscendingOrder()) }
}
