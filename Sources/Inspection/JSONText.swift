import JSON
import NIOCore

extension JSONWritable {
    /// The value in JSON, as one line.
    package var jsonText: String { String(buffer: json) }
}
