import Foundation

/// Small text files, read whole.
package enum TextFile {
    /// Why a file cannot be used, to follow its name in a sentence.
    package struct Unusable: Error {
        package let reason: String
    }

    /// Reads no more than is allowed, so that a device or a wrong file cannot fill the memory. It blocks the thread.
    package static func read(_ path: String, bytesMax: Int) throws(Unusable) -> String {
        // A pipe that nobody writes to would be waited for.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw unreadable() }
        defer { close(file) }
        guard lseek(file, 0, SEEK_CUR) == 0 else {
            throw Unusable(reason: "is a pipe or a terminal, which may never end: name a file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = Foundation.read(file, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable() }
            if count == 0 { break }
            bytes += buffer.prefix(count)
            guard bytes.count <= bytesMax else { throw Unusable(reason: "is longer than \(bytesMax) bytes") }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Unusable(reason: "cannot be read as UTF-8 text")
        }
        return text
    }

    private static func unreadable() -> Unusable {
        Unusable(reason: "cannot be read: \(String(cString: strerror(errno)))")
    }
}
