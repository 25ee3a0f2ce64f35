/// Values of keys that have a default, so that there always is one.
extension ConfigurationSources {
    func required(_ key: ConfigurationKey) throws(StartError) -> String { try Self.unwrap(try text(key), key) }
    func required(_ key: ConfigurationKey) throws(StartError) -> Int { try Self.unwrap(try number(key), key) }
    func required(_ key: ConfigurationKey) throws(StartError) -> Bool { try Self.unwrap(try boolean(key), key) }
    func required<Value: RawRepresentable<String>>(_ key: ConfigurationKey) throws(StartError) -> Value {
        try Self.unwrap(try choice(key), key)
    }

    private static func unwrap<Value>(_ value: Value?, _ key: ConfigurationKey) throws(StartError) -> Value {
        guard let value else { throw key.refused("", must: key.accepted) }
        return value
    }
}
