import ArgumentParser

/// `presence configuration`: the README's table of keys.
struct PrintConfiguration: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "configuration", abstract: "Print the keys of the configuration as a Markdown table.")

    func run() { print(ConfigurationKey.markdownTable) }
}
