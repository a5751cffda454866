import { MemoryCatalogue } from "../support/memory-catalogue.ts";
import { catalogueContract } from "./catalogue.ts";

catalogueContract("the catalogue in memory", () => ({
  catalogue: new MemoryCatalogue(["one", "two"]),
  clusterId: "one",
  otherClusterId: "two",
}));
