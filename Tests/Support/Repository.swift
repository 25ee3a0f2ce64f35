import Foundation

/// The sources as they are checked out.
package enum Repository {
    package static let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized

    package static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }
}
