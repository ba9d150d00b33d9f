pub fn command(_arguments: &[String]) -> Result<(), String> {
    Err("comes with the next commit".to_owned())
}
