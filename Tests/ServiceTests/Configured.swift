import Foundation
import PresenceAPI
import Support

@testable import presence

/// Builds a configuration as `presence serve` does.
func configure(
    _ flags: [String] = [], _ environment: [String: String] = [:]
) throws -> ServiceConfiguration {
    try ServiceConfiguration(flags: flags, environment: ["HOME": "/home/someone"].merging(environment) { $1 })
}

extension ServiceConfiguration {
    /// Those of auth.api-keys.
    var apiKeys: [String] { keys.lists.first?.keys ?? [] }
}

/// The sentence such a configuration is refused with; empty if it is not.
func refusal(_ flags: [String] = [], _ environment: [String: String] = [:]) throws -> String {
    do {
        _ = try configure(flags, environment)
        return ""
    } catch let error as StartError {
        return error.message
    }
}

/// Runs the body beside a file with this text.
func withFile<Result>(_ name: String, _ text: String, body: (String) throws -> Result) throws -> Result {
    try withFile(name, Data(text.utf8), body: body)
}

func withFile<Result>(_ name: String, _ data: Data, body: (String) throws -> Result) throws -> Result {
    let folder = try temporaryFolder("configuration")
    defer { removeFolder(folder) }
    let path = "\(folder)/\(name)"
    try data.write(to: URL(filePath: path))
    return try body(path)
}
