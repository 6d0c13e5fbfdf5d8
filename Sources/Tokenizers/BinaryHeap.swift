/// A queue that gives its least element first.
///
/// Both rooms that use it compile it for their own elements.
@usableFromInline
package struct BinaryHeap<Element: Comparable> {
    @usableFromInline var elements: [Element] = []

    @inlinable
    package init() {}

    /// Forgets all elements and keeps the memory.
    @inlinable
    package mutating func removeAll() { elements.removeAll(keepingCapacity: true) }

    /// Adds an element.
    @inlinable
    package mutating func push(_ element: Element) {
        var hole = elements.count
        elements.append(element)
        while hole > 0 {
            let parent = (hole - 1) >> 1
            guard element < elements[parent] else { break }
            elements[hole] = elements[parent]
            hole = parent
        }
        elements[hole] = element
    }

    /// Takes the least element out; `nil` if there is none.
    @inlinable
    package mutating func pop() -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let top = elements.first else { return last }
        var hole = 0
        var child = 1
        while child < elements.count {
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < last else { break }
            elements[hole] = elements[child]
            hole = child
            child = 2 * hole + 1
        }
        elements[hole] = last
        return top
    }
}

extension BinaryHeap: Sendable where Element: Sendable {}
