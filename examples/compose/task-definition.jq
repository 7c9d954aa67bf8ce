# The task definition of one service, as RegisterTaskDefinition takes it, out of the template and the
# parameters that ECS Compose-X renders:
#
#   jq --from-file task-definition.jq --slurpfile parameters shop/web.params.json \
#     --arg region ap-southeast-2 --arg taskRole ARN --arg executionRole ARN shop/web.json
#
# The template is for Fargate, EC2 and Windows at once; of each choice the one for Fargate on Linux is
# taken. What refers to resources of that stack refers to those of templates/service.yaml.

.Parameters as $declared
| (
    ($declared | map_values(.Default))
    + ($parameters[0] | map({key: .ParameterKey, value: .ParameterValue}) | from_entries)
    + {"AWS::Region": $region}
  ) as $values
| ("/ecs/" + $values.MicroServiceName) as $logGroup

# A choice, a reference or a piece of text becomes what it stands for; what stands for nothing goes.
| def settled:
    if type == "object" then
      if has("Fn::If") then .["Fn::If"] as [$condition, $yes, $no]
        | if $condition == "UseFargate" then $yes else $no end | settled
      elif has("Fn::Sub") then .["Fn::Sub"]
      elif has("Fn::Select") then .["Fn::Select"] as [$index, $list] | ($list | settled)[$index]
      elif has("Fn::Split") then .["Fn::Split"] as [$sign, $text] | ($text | settled) / $sign
      elif has("Ref") then
        if .Ref == "AWS::NoValue" then empty
        elif .Ref == "ServicesLogGroup" then $logGroup
        elif .Ref | endswith("EcsTaskRoleIamRoleArn") then $taskRole
        elif .Ref | endswith("EcsExecutionRoleIamRoleArn") then $executionRole
        elif $values[.Ref] then $values[.Ref]
        else error("\(.Ref) is not known: is it another version of ECS Compose-X?") end
      else
        with_entries(select([.value | settled] | length > 0) | .value |= settled)
        | with_entries(select(.value != {} and .value != []))
      end
    elif type == "array" then [.[] | settled]
    else . end;

  # CloudFormation's names begin with a capital, ECS's do not; keys of labels and options are their own.
  def named:
    if type == "object" then
      with_entries(if .key | IN("DockerLabels", "Options") then . else .value |= named end
        | .key |= (.[:1] | ascii_downcase) + .[1:])
    elif type == "array" then map(named)
    else . end;

  .Resources.EcsTaskDefinition.Properties
  | del(.Tags, .ContainerDefinitions[].DockerLabels)
  | settled
  | named
