// Shapes that several files use.

@description('Tags of a resource, by name.')
@export()
type tagMap = {
  @description('Value of one tag.')
  *: string
}

@description('PSA systems that Holdfast speaks with; the secret of each is in the vault under the name psa-NAME.')
@export()
type psaProvider = 'autotask' | 'connectwise' | 'halopsa' | 'standard'

@description('How the app proves that it is the registration that customers consent to.')
@export()
type proofKind = 'identity' | 'key' | 'secret'

@description('Clouds that customers\' tenants are in.')
@export()
type customerCloud = 'global' | 'gcchigh' | 'dod' | 'china'

@description('Other base URLs than the cloud\'s, for tests.')
@export()
type baseUrlMap = {
  @description('Entra ID\'s token endpoint.')
  login: string?
  @description('Exchange\'s admin API.')
  exchange: string?
  @description('The compliance endpoint.')
  compliance: string?
  @description('Microsoft Graph.')
  graph: string?
  @description('The Office 365 Management Activity API.')
  activity: string?
}

@description('Instances that never sleep, by group.')
@export()
type readyCounts = {
  @description('How many; billed all the time.')
  *: int
}

@description('Instances of one group that never sleep, as the platform takes them.')
@export()
type readyGroup = {
  @description('`http`, or `function:` and a function\'s name.')
  name: string
  @description('How many.')
  instanceCount: int
}

@description('Base URLs of a storage account, with a slash at the end.')
@export()
type storageUrls = {
  @description('Of blobs.')
  blob: string
  @description('Of queues.')
  queue: string
  @description('Of tables.')
  table: string
}

@description('Names of app settings with their values.')
@export()
type settingMap = {
  @description('Value of one setting.')
  *: string
}
