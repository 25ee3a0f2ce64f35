import Synchronization

/// A value that can be replaced while it is in use: whoever asks gets the one that stands, and keeps that one.
package final class Replaceable<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    package init(_ value: Value) { self.value = Mutex(value) }

    package var current: Value { value.withLock { $0 } }

    package func replace(with new: Value) { value.withLock { $0 = new } }
}
